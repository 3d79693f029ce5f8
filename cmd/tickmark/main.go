// Command tickmark runs a company's SOC 2 programme from one binary. Everything it does is in internal/cli.
package main

import (
	"os"

	"tickmark/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
