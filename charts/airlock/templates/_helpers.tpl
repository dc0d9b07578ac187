{{- /* The name of everything; 48 characters leave room for suffixes. */}}
{{- define "airlock.fullname" -}}
{{- $name := .Values.fullnameOverride | default (contains "airlock" .Release.Name | ternary .Release.Name (printf "%s-airlock" .Release.Name)) -}}
{{- $name | trunc 48 | trimSuffix "-" -}}
{{- end }}

{{- /* The selector of .component's pods; a Deployment's selector cannot change. */}}
{{- define "airlock.selector" -}}
app.kubernetes.io/name: airlock
app.kubernetes.io/instance: {{ quote .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{- /* The one label of whatever airlock makes; the controller sets it too. In no selector: those cannot change. */}}
{{- define "airlock.installation" -}}
airlock/installation: {{ .Release.Namespace | quote }}
{{- end }}

{{- /* The labels of an object. */}}
{{- define "airlock.labels" -}}
{{ include "airlock.selector" (dict "root" .) }}
{{ include "airlock.installation" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ quote .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "airlock.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ with .tag | default $.Chart.AppVersion }}:{{ . }}{{ end }}{{ with .digest }}@{{ . }}{{ end }}
{{- end }}
{{- end }}

{{- /* What all pods have in common. */}}
{{- define "airlock.pod" -}}
securityContext:
  runAsNonRoot: true
  {{- /* Helm takes a key away that a user sets to null. */}}
  {{- range $key, $value := .Values.podSecurityContext }}
  {{- if not (kindIs "invalid" $value) }}
  {{ $key }}: {{ int64 $value }}
  {{- end }}
  {{- end }}
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ quote . }}
  {{- end }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ quote . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* What all containers have in common. */}}
{{- define "airlock.container" -}}
image: {{ include "airlock.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities: {drop: [ALL]}
{{- with .Values.extraEnv }}
env: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* How the API server calls .path: the same for every webhook. */}}
{{- define "airlock.call" -}}
clientConfig:
  # No caBundle here: the controller (or cert-manager) sets and owns it, so an upgrade does not remove it.
  service:
    namespace: {{ quote .root.Release.Namespace }}
    name: {{ include "airlock.fullname" .root }}
    path: {{ .path }}
    port: 443
admissionReviewVersions: [v1]
sideEffects: NoneOnDryRun
matchPolicy: Equivalent
timeoutSeconds: {{ .root.Values.webhooks.timeoutSeconds }}
{{- end }}

{{- /* The namespaces that airlock never checks, as a JSON list. */}}
{{- define "airlock.excluded" -}}
{{ concat (list "kube-system" .Release.Namespace) .Values.webhooks.excludeNamespaces | uniq | toJson }}
{{- end }}

{{- /* Every namespace except those that airlock never checks; .more adds expressions. */}}
{{- define "airlock.namespaces" -}}
matchExpressions:
  - key: kubernetes.io/metadata.name
    operator: NotIn
    values: {{ include "airlock.excluded" .root }}
  # Break-glass: airlock skips a namespace with this label, whatever its value. The controller reports it.
  - key: airlock/skip
    operator: DoesNotExist
{{- with .more }}
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- /* Last, where AKS's enforcer adds its own: the same list in the same order is no conflict. */}}
{{- with .root.Values.webhooks.extraNamespaceSelector }}
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* Whether the server has matchConditions: "true" or "". They are on by default from 1.28. */}}
{{- define "airlock.conditions" -}}
{{- if semverCompare ">=1.28.0-0" .Capabilities.KubeVersion.Version }}true{{ end }}
{{- end }}

{{- /* matchConditions that leave out what can never matter. They handle absent fields, because an error would skip the webhook. */}}
{{- define "airlock.matters" -}}
# The mirror pod of a static pod, which runs whatever airlock answers.
- name: not-a-mirror-pod
  expression: >-
    !(has(request.userInfo.groups) && "system:nodes" in request.userInfo.groups &&
    has(object.metadata.annotations) && "kubernetes.io/config.mirror" in object.metadata.annotations)
{{- end }}

{{- /*
Whether /mutate has nothing to add to a task: "true" or "". It must be known from the values: no variable is for tasks, and
nothing is pinned.
*/}}
{{- define "airlock.tasksLeftOut" -}}
{{- $known := and .Values.requiredEnv.create .Values.policy.create (include "airlock.conditions" .) }}
{{- $adds := false }}
{{- range .Values.requiredEnv.document.env }}
{{- if has "task" (.components | default list) }}{{ $adds = true }}{{ end }}
{{- end }}
{{- $policy := .Values.policy.document }}
{{- $modes := list (get (get ($policy.rules | default dict) "pin-digest" | default dict) "mode") }}
{{- range $policy.namespaces }}{{ $modes = append $modes (get (.rules | default dict) "pin-digest") }}{{ end }}
{{- if without $modes "" "off" "audit" }}{{ $adds = true }}{{ end }}
{{- if and $known (not $adds) }}true{{ end }}
{{- end }}

{{- define "airlock.something" -}}
# Nothing is added to the pods that Airflow's executor and operators make, so airlock is not asked about them: while a
# replica hangs, a scheduler waits for one webhook instead of two. Every size is bounded before it is looked through.
- name: something-to-add
  expression: >-
    !has(object.metadata.labels) ||
    !(["kubernetes_executor", "kubernetes_pod_operator", "spark_kubernetes_operator"].exists(k,
    k in object.metadata.labels && object.metadata.labels[k] == "True")) ||
    (has(object.metadata.ownerReferences) && (size(object.metadata.ownerReferences) > 100 ||
    object.metadata.ownerReferences.exists(o, has(o.controller) && o.controller)))
{{- end }}

{{- define "airlock.changes" -}}
# On an update only images count, and labels that can make the pod Airflow's. The keys that Airflow's executor and
# operators change themselves pass, so that a scheduler can always adopt its pods. The sizes come first: they cost nothing,
# and what follows would exceed the API server's budget (1,000,000 a condition) with some ten thousand labels; a condition
# that exceeds it skips the webhook.
- name: images-or-labels-change
  expression: >-
    request.operation != "UPDATE" || (has(request.subResource) && request.subResource != "") ||
    size(object.spec.containers) > 1000 || (has(object.spec.initContainers) && size(object.spec.initContainers) > 1000) ||
    size(oldObject.spec.containers) > 1000 ||
    (has(oldObject.spec.initContainers) && size(oldObject.spec.initContainers) > 1000) ||
    (has(object.metadata.labels) && size(object.metadata.labels) > 1000) ||
    (has(oldObject.metadata.labels) && size(oldObject.metadata.labels) > 1000) ||
    object.spec.containers.map(c, has(c.image) ? c.image : "") !=
    oldObject.spec.containers.map(c, has(c.image) ? c.image : "") ||
    (has(object.spec.initContainers) ? object.spec.initContainers : []).map(c, has(c.image) ? c.image : "") !=
    (has(oldObject.spec.initContainers) ? oldObject.spec.initContainers : []).map(c, has(c.image) ? c.image : "") ||
    (has(object.metadata.labels) ? object.metadata.labels : {}).exists(k,
    !(k in ["airflow-worker", "airflow_executor_done", "airflow_pod_revoked", "already_checked"]) &&
    !(has(oldObject.metadata.labels) && k in oldObject.metadata.labels && oldObject.metadata.labels[k] == object.metadata.labels[k])) ||
    (has(oldObject.metadata.labels) ? oldObject.metadata.labels : {}).exists(k,
    !(k in ["airflow-worker", "airflow_executor_done", "airflow_pod_revoked", "already_checked"]) &&
    !(has(object.metadata.labels) && k in object.metadata.labels))
{{- end }}

{{- /* The CEL expression for whose pods failurePolicy applies to: by default the controllers', because they retry. */}}
{{- define "airlock.strict" -}}
{{- with .Values.webhooks -}}
{{- $everywhere := or (not .failNamespaces) (has "*" .failNamespaces) -}}
{{- if eq .failurePolicyForOthers "Fail" -}}
true
{{- else -}}
(has(request.userInfo.username) && (request.userInfo.username == "system:kube-controller-manager" ||
(request.userInfo.username.startsWith("system:serviceaccount:kube-system:") &&
request.userInfo.username.endsWith("-controller"))))
{{- end }}
{{- if not $everywhere }} &&
has(request.namespace) && request.namespace in {{ toJson .failNamespaces }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Which pod changes the API server asks about. */}}
{{- define "airlock.updates" -}}
- {apiGroups: [""], apiVersions: [v1], resources: [pods], operations: [UPDATE], scope: Namespaced}
- {apiGroups: [""], apiVersions: [v1], resources: [pods/ephemeralcontainers], operations: [UPDATE], scope: Namespaced}
{{- end }}

{{- /* Whether the server has ValidatingAdmissionPolicy v1: "true" or "". */}}
{{- define "airlock.policies" -}}
{{- if semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version }}true{{ end }}
{{- end }}

{{- /* The Kubernetes version that has each kind of backstop, as JSON. */}}
{{- define "airlock.backstops" -}}
{{- dict "validating" "1.30" "mutating" "1.36" | toJson }}
{{- end }}

{{- /* Whether the audit writes reports: "true" or "". */}}
{{- define "airlock.reports" -}}
{{- if and .Values.audit.enabled .Values.audit.reports }}true{{ end }}
{{- end }}

{{- /* Whether Helm reaches a cluster: "true", or "" if a tool only renders. */}}
{{- define "airlock.asked" -}}
{{- if lookup "v1" "Namespace" "" "kube-system" }}true{{ end }}
{{- end }}

{{- /*
Whether the chart creates the ConfigMap .name: "true", or "" if it exists and Helm does not own it. Earlier versions of
the controller created these, and an upgrade that created them again would fail.
*/}}
{{- define "airlock.mine" -}}
{{- $there := lookup "v1" "ConfigMap" .root.Release.Namespace .name | default dict }}
{{- $notes := ($there.metadata | default dict).annotations | default dict }}
{{- if or (not $there) (eq (get $notes "meta.helm.sh/release-name") .root.Release.Name) }}true{{ end }}
{{- end }}

{{- /* The ConfigMaps that the controller fills, as JSON. */}}
{{- define "airlock.filled" -}}
{{- $names := list "airlock-accepted" "airlock-status" }}
{{- if .Values.audit.enabled }}{{ $names = concat $names (list "airlock-sightings" "airlock-pins") }}{{ end }}
{{- if include "airlock.reports" . }}
{{- range until 16 }}{{ $names = append $names (printf "airlock-report-%d" .) }}{{ end }}
{{- end }}
{{- toJson $names }}
{{- end }}

{{- /* ConfigMaps where earlier versions kept a report on one namespace, as JSON: the controller deletes them. */}}
{{- define "airlock.oldReports" -}}
{{- $names := list }}
{{- if include "airlock.reports" . }}
{{- $filled := include "airlock.filled" . | fromJsonArray }}
{{- range ((lookup "v1" "ConfigMap" .Release.Namespace "" | default dict).items | default list) }}
{{- $labels := .metadata.labels | default dict }}
{{- $ours := and (hasKey $labels "airlock/report") (eq (get $labels "app.kubernetes.io/managed-by") "airlock-controller") }}
{{- if and $ours (not (has .metadata.name $filled)) }}{{ $names = append $names .metadata.name }}{{ end }}
{{- end }}
{{- end }}
{{- $names | sortAlpha | toJson }}
{{- end }}

{{- /* The ConfigMaps that a `from` reads, as JSON: names by namespace. */}}
{{- define "airlock.sources" -}}
{{- $sources := dict }}
{{- range .Values.requiredEnv.sources }}
{{- $_ := set $sources .namespace (concat (get $sources .namespace | default list) .names) }}
{{- end }}
{{- if .Values.requiredEnv.create }}
{{- range .Values.requiredEnv.document.env }}
{{- with (.from | default dict).configMap }}
{{- $_ := set $sources .namespace (append (get $sources .namespace | default list) .name) }}
{{- end }}
{{- end }}
{{- end }}
{{- toJson $sources }}
{{- end }}

{{- /* Where docs/operations.md can be read: a URL, or nothing where nobody has said it. */}}
{{- define "airlock.runbooks" -}}
{{- .Values.prometheusRule.runbooks | default (index .Chart.Annotations "airlock/runbooks") }}
{{- end }}

{{- /* A span as the values have it (90d), in seconds. */}}
{{- define "airlock.seconds" -}}
{{- mul (trimSuffix (regexFind "[smhd]$" .) .) (get (dict "s" 1 "m" 60 "h" 3600 "d" 86400) (regexFind "[smhd]$" .)) }}
{{- end }}
