"""Living series: millimetres from each new pass, provisional until the next release covers them."""
