// Package kube is named as the exporter names it: error messages and %T show it.
package kube

import (
	"encoding/json"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Observed is an event as the API server sends it, the name of its cluster, and what was found out about its object.
type Observed struct {
	Event       json.RawMessage `json:"event"`
	ClusterName string          `json:"clusterName"`
	Object      struct {
		Labels          map[string]string       `json:"labels"`
		Annotations     map[string]string       `json:"annotations"`
		OwnerReferences []metav1.OwnerReference `json:"ownerReferences"`
		Deleted         bool                    `json:"deleted"`
	} `json:"object"`
}

// EnhancedObjectReference is the involved object with its metadata.
type EnhancedObjectReference struct {
	corev1.ObjectReference `json:",inline"`
	Labels                 map[string]string       `json:"labels,omitempty"`
	Annotations            map[string]string       `json:"annotations,omitempty"`
	OwnerReferences        []metav1.OwnerReference `json:"ownerReferences,omitempty"`
	Deleted                bool                    `json:"deleted"`
}

// EnhancedEvent is the dot of the templates.
type EnhancedEvent struct {
	corev1.Event   `json:",inline"`
	ClusterName    string                  `json:"clusterName"`
	InvolvedObject EnhancedObjectReference `json:"involvedObject"`
}

// Enhanced is a new one for each template: nothing that one does to it is seen by the next.
func (o *Observed) Enhanced() *EnhancedEvent {
	made := &EnhancedEvent{ClusterName: o.ClusterName}
	if err := json.Unmarshal(o.Event, &made.Event); err != nil {
		panic(err)
	}
	made.TypeMeta = metav1.TypeMeta{}
	made.ManagedFields = nil
	made.InvolvedObject = EnhancedObjectReference{
		ObjectReference: made.Event.InvolvedObject,
		Labels:          copyOf(o.Object.Labels),
		Annotations:     copyOf(o.Object.Annotations),
		OwnerReferences: append([]metav1.OwnerReference(nil), o.Object.OwnerReferences...),
		Deleted:         o.Object.Deleted,
	}
	return made
}

func copyOf(from map[string]string) map[string]string {
	if from == nil {
		return nil
	}
	made := make(map[string]string, len(from))
	for key, value := range from {
		made[key] = value
	}
	return made
}

func (e *EnhancedEvent) time() time.Time {
	if e.FirstTimestamp.IsZero() {
		return e.EventTime.Time
	}
	return e.FirstTimestamp.Time
}

// GetTimestampMs is the time of the event in milliseconds since 1970.
func (e *EnhancedEvent) GetTimestampMs() int64 {
	return e.time().UnixMilli()
}

// GetTimestampISO8601 is the same in the clock's zone, said to be UTC.
func (e *EnhancedEvent) GetTimestampISO8601() string {
	return e.time().Format("2006-01-02T15:04:05.000Z")
}

// ToJSON is the event as receivers without a layout get it.
func (e *EnhancedEvent) ToJSON() []byte {
	encoded, _ := json.Marshal(e)
	return encoded
}

// DeDot is the event with underscores for the dots in names of labels and annotations.
func (e EnhancedEvent) DeDot() EnhancedEvent {
	made := e
	made.Labels = dedot(e.Labels)
	made.Annotations = dedot(e.Annotations)
	made.InvolvedObject.Labels = dedot(e.InvolvedObject.Labels)
	made.InvolvedObject.Annotations = dedot(e.InvolvedObject.Annotations)
	return made
}

func dedot(from map[string]string) map[string]string {
	if len(from) == 0 {
		return from
	}
	made := make(map[string]string, len(from))
	for key, value := range from {
		made[strings.ReplaceAll(key, ".", "_")] = value
	}
	return made
}
