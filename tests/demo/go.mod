module leakdemo

go 1.17
