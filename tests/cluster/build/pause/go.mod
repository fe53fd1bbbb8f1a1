module outrider.test/pause

go 1.22
