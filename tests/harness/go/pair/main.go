// A pair of webhooks that do next to nothing: what any webhook written with Go's standard library costs at least.
//
// /mutate adds one literal variable to the first container, /validate allows. Usage: pair ADDRESS CERTIFICATE KEY NAME VALUE
package main

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
)

type variable struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
}

type container struct {
	Env []variable `json:"env"`
}

type review struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Request    *request  `json:"request,omitempty"`
	Response   *response `json:"response,omitempty"`
}

type request struct {
	UID    string `json:"uid"`
	Object struct {
		Spec struct {
			Containers []container `json:"containers"`
		} `json:"spec"`
	} `json:"object"`
}

type response struct {
	UID       string `json:"uid"`
	Allowed   bool   `json:"allowed"`
	PatchType string `json:"patchType,omitempty"`
	Patch     []byte `json:"patch,omitempty"`
}

type operation struct {
	Op    string      `json:"op"`
	Path  string      `json:"path"`
	Value interface{} `json:"value"`
}

func patch(asked *request, wanted variable) []byte {
	if len(asked.Object.Spec.Containers) == 0 {
		return nil
	}
	env := asked.Object.Spec.Containers[0].Env
	for _, one := range env {
		if one.Name == wanted.Name {
			return nil
		}
	}
	change := operation{"add", "/spec/containers/0/env/0", wanted}
	if env == nil {
		change = operation{"add", "/spec/containers/0/env", []variable{wanted}}
	}
	text, err := json.Marshal([]operation{change})
	if err != nil {
		log.Fatal(err)
	}
	return text
}

func answer(mutate bool, wanted variable) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		asked := review{}
		if err == nil {
			err = json.Unmarshal(body, &asked)
		}
		if err != nil || asked.Request == nil {
			http.Error(w, "no review", http.StatusBadRequest)
			return
		}
		told := response{UID: asked.Request.UID, Allowed: true}
		if mutate {
			if told.Patch = patch(asked.Request, wanted); told.Patch != nil {
				told.PatchType = "JSONPatch"
			}
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(review{asked.APIVersion, asked.Kind, nil, &told})
	}
}

func main() {
	wanted := variable{os.Args[4], os.Args[5]}
	http.HandleFunc("/mutate", answer(true, wanted))
	http.HandleFunc("/validate", answer(false, wanted))
	log.Fatal(http.ListenAndServeTLS(os.Args[1], os.Args[2], os.Args[3], nil))
}
