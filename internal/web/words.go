package web

import "slices"

func contains(list []string, s string) bool { return slices.Contains(list, s) }
