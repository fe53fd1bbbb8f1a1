//go:build tools

// Package commands names the program, so that `go mod tidy` keeps what it needs.
package commands

import _ "github.com/rhysd/actionlint/cmd/actionlint"
