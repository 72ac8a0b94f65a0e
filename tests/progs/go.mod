module progs

go 1.18
