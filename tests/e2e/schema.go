// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sort"
	"strings"
)

// JSON reports against docs/report.schema.json, and docs/json.md against the same: a field that is not
// documented fails.  Every report that any test reads is checked, and so are the golden ones.

func schemaTests(e *env) []testCase {
	return []testCase{
		{"schema/golden", func(t *T) { t.schemaGolden() }},
		{"schema/undocumented", func(t *T) { t.schemaUndocumented() }},
		{"schema/table", func(t *T) { t.schemaTable() }},
	}
}

// schema is the part of JSON Schema that is used.
type schema struct {
	Schema               string `json:"$schema"`
	Title, Description   string
	Ref                  string             `json:"$ref"`
	Defs                 map[string]*schema `json:"$defs"`
	Type                 types
	Properties           map[string]*schema
	Required             []string
	AdditionalProperties *additional `json:"additionalProperties"`
	Items                *schema
	OneOf                []*schema `json:"oneOf"`
	Enum                 []interface{}
	Minimum              *float64
}

// types is one name or a list.
type types []string

func (t *types) UnmarshalJSON(b []byte) error {
	if b[0] == '[' {
		return json.Unmarshal(b, (*[]string)(t))
	}
	*t = types{""}
	return json.Unmarshal(b, &(*t)[0])
}

// additional is false, or the schema of the properties that are not listed.
type additional struct{ *schema }

func (a *additional) UnmarshalJSON(b []byte) error {
	if string(b) == "false" {
		return nil
	}
	return json.Unmarshal(b, &a.schema)
}

func (t *T) schema() *schema { return t.schemaOf("report.schema.json") }

func (t *T) schemaOf(file string) *schema {
	s := &schema{}
	d := json.NewDecoder(bytes.NewReader(t.readFile(filepath.Join(t.progs, "../../docs", file))))
	d.DisallowUnknownFields() // a keyword that is not understood here
	t.must(d.Decode(s))
	return s
}

func decode(text string) (v interface{}, err error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

// checkSchema holds one report against the schema.
func (t *T) checkSchema(text string) {
	v, err := decode(text)
	t.must(err)
	s := t.schema()
	if err := s.check(s, v, "report"); err != nil {
		t.Errorf("docs/report.schema.json: %v", err)
	}
}

func (s *schema) check(root *schema, v interface{}, path string) error {
	if s.Ref != "" {
		return root.Defs[strings.TrimPrefix(s.Ref, "#/$defs/")].check(root, v, path)
	}
	if len(s.OneOf) > 0 {
		return s.checkOneOf(root, v, path)
	}
	kind := kindOf(v)
	if !s.allows(kind) {
		return fmt.Errorf("%s is %s, not %s", path, kind, strings.Join(s.Type, " or "))
	}
	if n, ok := v.(json.Number); ok && s.Minimum != nil {
		if f, err := n.Float64(); err != nil || f < *s.Minimum {
			return fmt.Errorf("%s is %s, less than %g", path, n, *s.Minimum)
		}
	}
	if s.Enum != nil && !s.lists(v) {
		return fmt.Errorf("%s is %v, none of %v", path, v, s.Enum)
	}
	switch v := v.(type) {
	case map[string]interface{}:
		return s.checkObject(root, v, path)
	case []interface{}:
		for i, e := range v {
			if err := s.Items.check(root, e, fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func kindOf(v interface{}) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case json.Number:
		if strings.ContainsAny(string(v), ".eE") {
			return "number"
		}
		return "integer"
	case []interface{}:
		return "array"
	}
	return "object"
}

func (s *schema) allows(kind string) bool {
	for _, t := range s.Type {
		if t == kind || (t == "number" && kind == "integer") {
			return true
		}
	}
	return false
}

func (s *schema) lists(v interface{}) bool {
	for _, e := range s.Enum {
		if fmt.Sprint(e) == fmt.Sprint(v) {
			return true
		}
	}
	return false
}

// checkOneOf: the error is of the alternative that fits best, which is the one with the same kind.
func (s *schema) checkOneOf(root *schema, v interface{}, path string) error {
	fit := 0
	var all []string
	for _, alternative := range s.OneOf {
		err := alternative.check(root, v, path)
		if err == nil {
			fit++
		} else {
			all = append(all, err.Error())
		}
	}
	if fit != 1 {
		return fmt.Errorf("%s fits %d alternatives: %s", path, fit, strings.Join(all, "; "))
	}
	return nil
}

func (s *schema) checkObject(root *schema, v map[string]interface{}, path string) error {
	for _, key := range s.Required {
		if _, ok := v[key]; !ok {
			return fmt.Errorf("%s.%s is missing", path, key)
		}
	}
	for key, e := range v {
		sub := s.Properties[key]
		if sub == nil && s.AdditionalProperties != nil {
			sub = s.AdditionalProperties.schema
		}
		if sub == nil {
			return fmt.Errorf("%s.%s is not documented", path, key)
		}
		if err := sub.check(root, e, path+"."+key); err != nil {
			return err
		}
	}
	return nil
}

func (t *T) goldenReports() []string {
	files, _ := filepath.Glob(filepath.Join(t.progs, "../golden/*.json"))
	if len(files) == 0 {
		t.Fatalf("no golden reports")
	}
	return files
}

func (t *T) schemaGolden() {
	for _, file := range t.goldenReports() {
		t.checkSchema(string(t.readFile(file)))
	}
}

// schemaUndocumented: a field too many in any object fails, and so does each that is left out, and each null
// where none may be.
func (t *T) schemaUndocumented() {
	s := t.schema()
	v, err := decode(string(t.readFile(filepath.Join(t.progs, "../golden/full.json"))))
	t.must(err)
	objects := 0
	eachObject(v, "report", func(o map[string]interface{}, path string) {
		if strings.HasSuffix(path, ".states") || strings.HasSuffix(path, ".coverage") {
			return // any state, and the counters that there are
		}
		objects++
		o["undocumented"] = true
		if s.check(s, v, "report") == nil {
			t.Errorf("%s: a field too many is not noticed", path)
		}
		delete(o, "undocumented")
		for _, key := range sortedKeys(o) {
			was := o[key]
			delete(o, key)
			if s.check(s, v, "report") == nil {
				t.Errorf("%s: nobody misses %s", path, key)
			}
			o[key] = []interface{}{map[string]interface{}{}}
			if s.check(s, v, "report") == nil {
				t.Errorf("%s: %s may be anything", path, key)
			}
			o[key] = was
		}
	})
	if err := s.check(s, v, "report"); err != nil || objects < 20 {
		t.Errorf("%d objects, then: %v", objects, err)
	}
}

func eachObject(v interface{}, path string, visit func(map[string]interface{}, string)) {
	switch v := v.(type) {
	case map[string]interface{}:
		visit(v, path)
		for _, key := range sortedKeys(v) {
			eachObject(v[key], path+"."+key, visit)
		}
	case []interface{}:
		for i, e := range v {
			eachObject(e, fmt.Sprintf("%s[%d]", path, i), visit)
		}
	}
}

func sortedKeys(m map[string]interface{}) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// schemaTable: docs/json.md has a row for every field, in the words of the schema.
func (t *T) schemaTable() {
	table := string(t.readFile(filepath.Join(t.progs, "../../docs/json.md")))
	rows := t.schema().rows("")
	for name, def := range t.schema().Defs {
		rows = append(rows, def.rows(name+".")...)
	}
	for _, row := range rows {
		if !strings.Contains(table, row+"\n") {
			t.Errorf("docs/json.md has no row %s", row)
		}
	}
	if n := strings.Count(table, "\n| `"); n != len(rows) {
		t.Errorf("docs/json.md has %d rows, the schema %d fields", n, len(rows))
	}
}

// rows of the table, one for every field that is no object of its own.
func (s *schema) rows(prefix string) []string {
	var all []string
	for name, p := range s.Properties {
		if len(p.Properties) > 0 {
			all = append(all, p.rows(prefix+name+".")...)
		} else {
			all = append(all, fmt.Sprintf("| `%s%s` | %s | %s |", prefix, name, strings.Join(p.Type, ", "), p.Description))
		}
	}
	return all
}
