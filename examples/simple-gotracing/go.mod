module gotracing

go 1.17
