{{- define "petrel.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "petrel.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "petrel.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "petrel.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{- define "petrel.selector" -}}
app.kubernetes.io/name: {{ include "petrel.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Of every object: namespace, labels, annotations. Takes {root, name?, namespace?, labels?, annotations?, cluster?}. */}}
{{- define "petrel.metadata" -}}
{{- $root := .root -}}
name: {{ default (include "petrel.fullname" $root) .name }}
{{- if not .cluster }}
namespace: {{ default (include "petrel.namespace" $root) .namespace }}
{{- end }}
labels:
  {{- include "petrel.selector" $root | nindent 2 }}
  app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ $root.Release.Service }}
  helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
  {{- with merge (dict) (default (dict) .labels) $root.Values.commonLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) (default (dict) .annotations) $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "petrel.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "petrel.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* The config as data, whichever way it was given. */}}
{{- define "petrel.config" -}}
{{- if kindIs "string" .Values.config -}}
{{- $parsed := fromYaml .Values.config -}}
{{- if hasKey $parsed "Error" -}}{{- fail (printf "config is no YAML: %s" (get $parsed "Error")) -}}{{- end -}}
{{- toJson $parsed -}}
{{- else -}}
{{- toJson .Values.config -}}
{{- end -}}
{{- end -}}

{{/* What the objects depend on: {watches, cluster, port, election, lease, state, sidecar, namespaces, api, lookups}. */}}
{{- define "petrel.facts" -}}
{{- $config := include "petrel.config" . | fromJson -}}
{{- $election := default (dict) $config.leaderElection -}}
{{- $state := "" -}}
{{- with $config.state -}}{{- $state = default "" .path -}}{{- end -}}
{{- $namespaces := default (list) $config.namespaces -}}
{{- with $config.namespace -}}{{- $namespaces = append $namespaces . -}}{{- end -}}
{{- $sidecar := not (kindIs "invalid" $config.sidecar) -}}
{{- $sources := default (list "kubernetes") $config.sources -}}
{{- $port := "" -}}
{{- if has "http" $sources -}}
{{- $address := default "" (default (dict) $config.http).address -}}
{{- if hasPrefix ":" $address -}}{{- $port = trimPrefix ":" $address -}}{{- end -}}
{{- end -}}
{{- $watches := has "kubernetes" $sources -}}
{{- $several := and $watches (or (eq .Values.mode "DaemonSet") (gt (int .Values.replicaCount) 1)) -}}
{{- $elects := default false $election.enabled -}}
{{- if and $several (not $elects) (not $sidecar) -}}
{{- fail (printf "mode %s with replicaCount %d needs config.leaderElection.enabled: every pod would deliver every event" .Values.mode (int .Values.replicaCount)) -}}
{{- end -}}
{{- if and .Values.persistence.enabled (not $state) -}}
{{- fail "persistence.enabled needs config.state.path: nothing else is written to a disk" -}}
{{- end -}}
{{- if and .Values.persistence.enabled (eq .Values.mode "DaemonSet") -}}
{{- fail "persistence.enabled is for a Deployment or a StatefulSet: pods of a DaemonSet would share one volume" -}}
{{- end -}}
{{- toJson (dict "watches" $watches "cluster" (or $watches $elects) "port" $port "election" $elects "lease" (default "kubernetes-event-exporter" $election.leaderElectionID) "state" $state "sidecar" $sidecar "namespaces" ($namespaces | uniq) "api" (default "v1" $config.api) "lookups" (not (default false $config.omitLookup))) -}}
{{- end -}}

{{- define "petrel.image" -}}
{{- $image := .Values.image -}}
{{- $name := $image.repository -}}
{{- with default (default (dict) .Values.global).imageRegistry $image.registry -}}{{- $name = printf "%s/%s" . $name -}}{{- end -}}
{{- if $image.digest -}}{{- printf "%s@%s" $name $image.digest -}}{{- else -}}{{- printf "%s:%s" $name (default .Chart.AppVersion $image.tag) -}}{{- end -}}
{{- end -}}

{{- define "petrel.claim" -}}
accessModes:
  {{- toYaml .Values.persistence.accessModes | nindent 2 }}
{{- with .Values.persistence.storageClass }}
storageClassName: {{ . }}
{{- end }}
resources:
  requests:
    storage: {{ .Values.persistence.size }}
{{- end -}}
