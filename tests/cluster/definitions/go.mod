// Definitions of the kinds that the chart and models make where a cluster has them: nothing of these modules is
// built, only their YAML is taken. For another version: go get MODULE@VERSION && go mod download MODULE
module definitions

go 1.24.0

require (
	github.com/prometheus-operator/prometheus-operator v0.85.0
	sigs.k8s.io/gateway-api v1.3.0
)
