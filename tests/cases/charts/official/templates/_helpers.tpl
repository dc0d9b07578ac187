{{- define "own" -}}
{{- $repository := .Values.images.airflow.repository | default .Values.defaultAirflowRepository -}}
{{- with .Values.images.airflow.digest }}{{ $repository }}@{{ . }}{{ else -}}
{{ $repository }}:{{ .Values.images.airflow.tag | default .Values.defaultAirflowTag }}{{ end -}}
{{- end -}}
{{- define "migrating" -}}
{{- if .Values.images.useDefaultImageForMigration -}}
{{ .Values.defaultAirflowRepository }}:{{ .Values.defaultAirflowTag }}
{{- else -}}{{ include "own" . }}{{- end -}}
{{- end -}}
{{- define "worker" -}}
{{ .Values.images.pod_template.repository | default .Values.defaultAirflowRepository }}:
{{- .Values.images.pod_template.tag | default .Values.defaultAirflowTag }}
{{- end -}}
{{- define "labels" -}}
{tier: airflow, component: {{ .component }}, release: {{ .root.Release.Name }}, chart: "airflow-{{ .root.Chart.Version }}"}
{{- end -}}
