// Reads an OCI image layout and judges each of its documents by the image specification's own schemas.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/image-spec/schema"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

func check(what string, validator schema.Validator, path string) []byte {
	file, err := os.Open(path)
	if err == nil {
		err = validator.Validate(file)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	fmt.Println("valid:", what)
	return text
}

func blob(root string, one v1.Descriptor) string {
	return filepath.Join(root, "blobs", strings.Replace(string(one.Digest), ":", "/", 1))
}

func main() {
	root := os.Args[1]
	check("layout", schema.ValidatorMediaTypeLayoutHeader, filepath.Join(root, "oci-layout"))
	var index v1.Index
	if err := json.Unmarshal(check("index", schema.ValidatorMediaTypeImageIndex, filepath.Join(root, "index.json")), &index); err != nil {
		panic(err)
	}
	for _, one := range index.Manifests {
		var manifest v1.Manifest
		if err := json.Unmarshal(check("manifest", schema.ValidatorMediaTypeManifest, blob(root, one)), &manifest); err != nil {
			panic(err)
		}
		check("config", schema.ValidatorMediaTypeImageConfig, blob(root, manifest.Config))
	}
}
