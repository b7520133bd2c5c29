module pause.local

go 1.26.8
