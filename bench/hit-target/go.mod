module hittarget

go 1.17
