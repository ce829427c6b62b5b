{{/* The operator's rules about what is in a namespace. */}}
{{- define "embedserve.namespacedRules" -}}
{{- $rules := list -}}
{{- range .Files.Get "files/operator-rules.yaml" | fromYamlArray -}}
{{- if not (eq (include "embedserve.isClusterScoped" .) "true") -}}
{{- $rules = append $rules . -}}
{{- end -}}
{{- end -}}
{{- if eq .Values.podAccess "proxy" -}}
{{- $rules = append $rules (dict "apiGroups" (list "") "resources" (list "pods/proxy") "verbs" (list "get")) -}}
{{- end -}}
{{ toYaml $rules }}
{{- end -}}

{{/* The operator's rules about what is in no namespace. They only read. */}}
{{- define "embedserve.clusterRules" -}}
{{- $rules := list -}}
{{- range .Files.Get "files/operator-rules.yaml" | fromYamlArray -}}
{{- if eq (include "embedserve.isClusterScoped" .) "true" -}}
{{- $rules = append $rules . -}}
{{- end -}}
{{- end -}}
{{ toYaml $rules }}
{{- end -}}

{{- define "embedserve.isClusterScoped" -}}
{{- or (has "nodes" .resources) (has "storageclasses" .resources) -}}
{{- end -}}

{{/* Who the rules are for. */}}
{{- define "embedserve.subjects" -}}
subjects:
  - kind: ServiceAccount
    name: {{ include "embedserve.serviceAccount" . }}
    namespace: {{ .Release.Namespace }}
{{- end -}}
