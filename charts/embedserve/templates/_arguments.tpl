{{/* The operator's command line, an argument a line. */}}
{{- define "embedserve.arguments" -}}
- run
- {{ printf "--image=%s" (include "embedserve.serverImage" .) | quote }}
- {{ printf "--gpu-image=%s" (include "embedserve.serverGpuImage" .) | quote }}
- {{ printf "--namespace=%s" .Release.Namespace | quote }}
- {{ printf "--lease-name=%s" (include "embedserve.operator" .) | quote }}
- {{ printf "--listen=%s:%v" (include "embedserve.listenHost" .) .Values.port | quote }}
- --concurrency={{ .Values.concurrency }}
- --resync-seconds={{ .Values.resyncSeconds }}
- --removal-timeout-seconds={{ .Values.removalTimeoutSeconds }}
- --pod-access={{ .Values.podAccess }}
- {{ printf "--log=%s" .Values.log | quote }}
- --log-format={{ .Values.logFormat }}
{{- with .Values.hub }}
{{- with .endpoint }}
- {{ printf "--hub-endpoint=%s" . | quote }}
{{- end }}
{{- with .tokenSecret }}{{ if .name }}
- {{ printf "--hub-token-secret=%s/%s" .name .key | quote }}
{{- end }}{{ end }}
{{- with .caBundle }}{{ if .name }}
- {{ printf "--hub-ca-bundle=%s/%s" .name .key | quote }}
{{- end }}{{ end }}
{{- range $name, $value := .env }}
- {{ printf "--hub-env=%s=%v" $name $value | quote }}
{{- end }}
{{- range .cidrs }}
- {{ printf "--hub-cidr=%s" . | quote }}
{{- end }}
{{- end }}
{{- with .Values.watchNamespaces }}
- {{ printf "--watch-namespaces=%s" (join "," (uniq .)) | quote }}
{{- end }}
{{- with .Values.monitoring.namespace }}
- {{ printf "--monitoring-namespace=%s" . | quote }}
{{- end }}
{{- if .Values.allowHostPath }}
- --allow-host-path
{{- end }}
{{- end -}}

{{/* An IPv6 address goes into brackets. */}}
{{- define "embedserve.listenHost" -}}
{{- if contains ":" .Values.listenAddress -}}[{{ .Values.listenAddress }}]{{- else -}}{{ .Values.listenAddress }}{{- end -}}
{{- end -}}
