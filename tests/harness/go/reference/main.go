// What the API server's and the kubelet's own library says of image references: a JSON string a line in, an answer a line out.
//
// An answer is the host, path, tag and digest with tabs between, or an empty line for what is no reference.
package main

import (
	"bufio"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/json"
	"fmt"
	"os"

	"github.com/docker/distribution/reference"
)

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	defer out.Flush()
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var text string
		if err := json.Unmarshal(line, &text); err != nil {
			panic(err)
		}
		named, err := reference.ParseNormalizedNamed(text)
		if err != nil {
			fmt.Fprintln(out)
			continue
		}
		tag, digest := "", ""
		if tagged, is := named.(reference.Tagged); is {
			tag = tagged.Tag()
		}
		if digested, is := named.(reference.Digested); is {
			digest = digested.Digest().String()
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", reference.Domain(named), reference.Path(named), tag, digest)
	}
}
