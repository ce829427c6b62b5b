{{/* The name of this installation. */}}
{{- define "embedserve.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride }}
{{- else if contains .Chart.Name .Release.Name -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}
{{- end -}}
{{- end -}}

{{/* The name of the operator and of what belongs to it. */}}
{{- define "embedserve.operator" -}}
{{ include "embedserve.fullname" . }}-operator
{{- end -}}

{{- define "embedserve.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "embedserve.operator" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end -}}

{{/* The labels of every object. */}}
{{- define "embedserve.labels" -}}
app.kubernetes.io/name: embedserve-operator
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: embedserve
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What selects the operator's pods. It never changes: selectors of Deployments cannot. Models' NetworkPolicies
     admit pods by the first label. */}}
{{- define "embedserve.selector" -}}
app.kubernetes.io/name: embedserve-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The reference of an image: dict root image tag. */}}
{{- define "embedserve.image" -}}
{{- $registry := .image.registry | default .root.Values.image.registry -}}
{{- with $registry }}{{ . }}/{{ end -}}
{{ .image.repository }}
{{- if .image.digest }}@{{ .image.digest }}{{ else }}:{{ .tag }}{{ end -}}
{{- end -}}

{{- define "embedserve.operatorImage" -}}
{{- $image := .Values.image.operator -}}
{{ include "embedserve.image" (dict "root" . "image" $image "tag" ($image.tag | default .Chart.AppVersion)) }}
{{- end -}}

{{- define "embedserve.serverImage" -}}
{{- $image := .Values.image.server -}}
{{ include "embedserve.image" (dict "root" . "image" $image "tag" ($image.tag | default .Chart.AppVersion)) }}
{{- end -}}

{{- define "embedserve.serverGpuImage" -}}
{{- $image := .Values.image.serverGpu -}}
{{- $tag := printf "%s-gpu" (.Values.image.server.tag | default .Chart.AppVersion) -}}
{{ include "embedserve.image" (dict "root" . "image" $image "tag" ($image.tag | default $tag)) }}
{{- end -}}

{{/* Where `helm test` makes its model. */}}
{{- define "embedserve.testNamespace" -}}
{{ .Values.test.namespace | default (first .Values.watchNamespaces) | default .Release.Namespace }}
{{- end -}}
