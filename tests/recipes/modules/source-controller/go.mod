module recipes/source-controller

go 1.27

require github.com/fluxcd/source-controller v1.9.6
