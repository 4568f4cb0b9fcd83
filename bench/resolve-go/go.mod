module example.invalid/resolve-go

go 1.21
