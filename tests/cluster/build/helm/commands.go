//go:build tools

// Package commands names the program, so that `go mod tidy` keeps what it needs.
package commands

import _ "helm.sh/helm/v3/cmd/helm"
