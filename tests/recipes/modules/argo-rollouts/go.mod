module recipes/argo-rollouts

go 1.27

require github.com/argoproj/argo-rollouts v1.10.2
