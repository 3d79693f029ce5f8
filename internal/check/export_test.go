package check

// Hold sets how many bytes of what is looked up are kept.
func Hold(n int) (before int) { before, maxHeld = maxHeld, n; return before }
