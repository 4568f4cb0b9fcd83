module example.invalid/shapes

go 1.18
