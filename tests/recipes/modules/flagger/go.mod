module recipes/flagger

go 1.27

require github.com/fluxcd/flagger v1.36.1
