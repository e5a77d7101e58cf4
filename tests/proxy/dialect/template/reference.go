// Renders the templates of golden.json with Go's own text/template, set up as Ollama sets it up.
//
//	go run reference.go < golden.json > golden.new && mv golden.new golden.json
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"text/template"
)

type golden struct {
	About  string         `json:"about"`
	Go     string         `json:"go"`
	Values map[string]any `json:"values"`
	Cases  []example      `json:"cases"`
}

type example struct {
	Template string `json:"template"`
	Fails    string `json:"fails,omitempty"`
	Output   string `json:"output,omitempty"`
}

func toJSON(value any) string {
	written, _ := json.Marshal(value)
	return string(written)
}

// whole makes ints of the numbers that have neither a fraction nor an exponent.
func whole(value any) any {
	switch value := value.(type) {
	case json.Number:
		if !strings.ContainsAny(value.String(), ".eE") {
			number, _ := value.Int64()
			return int(number)
		}
		number, _ := value.Float64()
		return number
	case []any:
		items := make([]any, len(value))
		for i := range value {
			items[i] = whole(value[i])
		}
		return items
	case map[string]any:
		entries := map[string]any{}
		for name := range value {
			entries[name] = whole(value[name])
		}
		return entries
	}
	return value
}

func (e *example) render(values any) {
	e.Fails, e.Output = "", ""
	empty := template.New("").Option("missingkey=zero").Funcs(template.FuncMap{"json": toJSON})
	parsed, err := empty.Parse(e.Template)
	if err != nil {
		e.Fails = "parse"
		return
	}
	var out strings.Builder
	if parsed.Execute(&out, values) != nil {
		e.Fails = "render"
		return
	}
	e.Output = strings.ToValidUTF8(out.String(), "\ufffd")
}

func line(value any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err)
	}
	return bytes.TrimSpace(out.Bytes())
}

func main() {
	var g golden
	decoder := json.NewDecoder(os.Stdin)
	decoder.UseNumber()
	if err := decoder.Decode(&g); err != nil {
		panic(err)
	}
	values := whole(g.Values)
	fmt.Printf("{\"about\": %s,\n\"go\": %q,\n\"values\": %s,\n\"cases\": [\n", line(g.About), runtime.Version(), line(g.Values))
	for i := range g.Cases {
		g.Cases[i].render(values)
		if i > 0 {
			fmt.Println(",")
		}
		fmt.Printf("%s", line(g.Cases[i]))
	}
	fmt.Println("\n]}")
}
