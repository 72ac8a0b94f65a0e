// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"math/rand"
	"os/exec"
	"strings"
)

// Damaged binaries that still run: nothing that the kernel or the runtime needs at the start is
// touched, everything else may be.  The tool must refuse with one line, or trace and be right; it
// must neither crash nor hang nor harm the program.  What cannot run at all when damaged is left to
// the fuzzers of the parsers.

type damage struct {
	what string
	do   func(b []byte, f *elf.File) []byte
}

func damageTests(e *env) []testCase {
	var all []testCase
	for _, d := range damages() {
		d := d
		all = append(all, testCase{"damaged/" + strings.ReplaceAll(d.what, " ", "-"), func(t *T) { t.damaged(d) }})
	}
	return all
}

// Offsets in the ELF header (System V ABI, Elf64_Ehdr).
const (
	ehShoff    = 0x28
	ehShnum    = 0x3c
	ehShstrndx = 0x3e
	shSize     = 64
)

func damages() []damage {
	put16, put64 := binary.LittleEndian.PutUint16, binary.LittleEndian.PutUint64
	all := []damage{
		{"section table beyond the file", func(b []byte, f *elf.File) []byte {
			put64(b[ehShoff:], uint64(len(b))+4096)
			return b
		}},
		{"section table at an odd place", func(b []byte, f *elf.File) []byte {
			put64(b[ehShoff:], 13)
			return b
		}},
		{"too many sections", func(b []byte, f *elf.File) []byte {
			put16(b[ehShnum:], 0xfffe)
			return b
		}},
		{"no section names", func(b []byte, f *elf.File) []byte {
			put16(b[ehShstrndx:], 0x7fff)
			return b
		}},
		{"no sections", func(b []byte, f *elf.File) []byte {
			put64(b[ehShoff:], 0)
			put16(b[ehShnum:], 0)
			put16(b[ehShstrndx:], 0)
			return b
		}},
		{"cut behind the last segment", func(b []byte, f *elf.File) []byte { return b[:lastSegment(f)] }},
		{"no build information", func(b []byte, f *elf.File) []byte {
			i := bytes.Index(b, []byte("\xff Go buildinf:"))
			copy(b[i:], make([]byte, 32))
			return b
		}},
		{"build information longer than the file", func(b []byte, f *elf.File) []byte {
			i := bytes.Index(b, []byte("\xff Go buildinf:"))
			copy(b[i+32:], "\xff\xff\xff\xff\xff\xff\xff\xff\x7f")
			return b
		}},
		{"an allocator without name", func(b []byte, f *elf.File) []byte {
			from, _ := functionNames(b, f)
			return overwrite(b, from+bytes.Index(b[from:], []byte("runtime.mallocgc\x00")), 17)
		}},
		{"no end of function names", func(b []byte, f *elf.File) []byte {
			from, to := functionNames(b, f)
			return overwrite(b, from, to-from)
		}},
	}
	for seed := int64(1); seed <= 4; seed++ {
		seed := seed
		all = append(all,
			damage{fmt.Sprint("section headers ", seed), func(b []byte, f *elf.File) []byte {
				off := int(binary.LittleEndian.Uint64(b[ehShoff:]))
				return noise(b, off, off+shSize*len(f.Sections), 6, seed)
			}},
			damage{fmt.Sprint("symbols ", seed), func(b []byte, f *elf.File) []byte {
				return noiseIn(b, f, seed, 400, ".symtab", ".strtab")
			}},
			damage{fmt.Sprint("debug information ", seed), func(b []byte, f *elf.File) []byte {
				return noiseIn(b, f, seed, 3000, ".debug_info", ".debug_abbrev", ".debug_str")
			}},
			damage{fmt.Sprint("function names ", seed), func(b []byte, f *elf.File) []byte {
				from, to := functionNames(b, f)
				return noise(b, from, to, 3000, seed)
			}},
			damage{fmt.Sprint("types ", seed), func(b []byte, f *elf.File) []byte {
				return noiseNames(b, f, seed)
			}})
	}
	return all
}

func lastSegment(f *elf.File) (end uint64) {
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Off+p.Filesz > end {
			end = p.Off + p.Filesz
		}
	}
	return end
}

// functionNames is where the names of functions stand in the file: the runtime needs them only for
// stack traces.  The header of the function table (runtime/symtab.go, pcHeader): 8 bytes, nfunc,
// nfiles, textStart, then the offsets of the names and of what follows them.
func functionNames(b []byte, f *elf.File) (from, to int) {
	table := int(f.Section(".gopclntab").Offset)
	from = table + int(binary.LittleEndian.Uint64(b[table+32:]))
	to = table + int(binary.LittleEndian.Uint64(b[table+40:]))
	return from, to
}

func overwrite(b []byte, at, n int) []byte {
	for i := 0; i < n; i++ {
		b[at+i] = 0xfe
	}
	return b
}

func noise(b []byte, from, to, n int, seed int64) []byte {
	r := rand.New(rand.NewSource(seed))
	for i := 0; i < n; i++ {
		b[from+r.Intn(to-from)] = byte(r.Intn(256))
	}
	return b
}

func noiseIn(b []byte, f *elf.File, seed int64, n int, sections ...string) []byte {
	for _, name := range sections {
		if s := f.Section(name); s != nil {
			b = noise(b, int(s.Offset), int(s.Offset+s.FileSize), n, seed)
		}
	}
	return b
}

// noiseNames damages the names of types, which the runtime reads only to print them.
func noiseNames(b []byte, f *elf.File, seed int64) []byte {
	r := rand.New(rand.NewSource(seed))
	for from := 0; ; {
		i := bytes.Index(b[from:], []byte("*main."))
		if i < 0 {
			return b
		}
		from += i + 1
		b[from-2] = byte(r.Intn(256)) // the length before it
	}
}

func (t *T) damaged(d damage) {
	path := t.build("quiet", t.newest(), "bigdwarf")
	f, err := elf.Open(path)
	t.must(err)
	defer f.Close()
	broken := t.writeFile("broken", d.do(t.readFile(path), f), 0777)
	p := &program{t.start(exec.Command(broken))}
	select {
	case line, ok := <-p.stdout.next:
		if !ok || line != "ready" {
			t.Skipf("it does not run any more")
		}
	case <-p.ended:
		t.Skipf("it does not run any more")
	}
	x := &tracer{t.start(exec.Command(t.tool, "-p", fmt.Sprint(p.pid()), "-s", "0", "--format", "json"))}
	if t.tracesOrEnds(x) {
		p.do("alloc 3000")
		r := x.stop()
		if n := allocsIn(r, "main.alloc"); n != 3000 && !strings.Contains(d.what, "function names") {
			t.Errorf("%d objects seen, really 3000", n)
		}
	} else {
		t.refused(ran{exitCode(x.cmd.ProcessState), x.stdout.String(), x.stderr.String(), 0})
	}
	p.do("alloc 10")
	p.finish()
}

// tracesOrEnds tells whether the tool went on to trace.
func (t *T) tracesOrEnds(x *tracer) bool {
	for line := range x.stderr.next {
		if strings.Contains(line, "tracing") {
			return true
		}
	}
	x.exit()
	return false
}
