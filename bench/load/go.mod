module load

go 1.17
