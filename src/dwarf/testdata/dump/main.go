// Command dump prints what Go's debug/dwarf and debug/elf read of a binary, as JSON: what the tests of src/dwarf compare with.
package main

import (
	"debug/dwarf"
	"debug/elf"
	"encoding/json"
	"fmt"
	"os"
)

type parameter struct {
	Name   string `json:"name"`
	Type   uint64 `json:"type"`
	Text   string `json:"text"`
	Size   int64  `json:"size"`
	Result bool   `json:"result"`
}

type function struct {
	Name       string      `json:"name"`
	Low        uint64      `json:"low"`
	Size       uint64      `json:"size"`
	Line       int64       `json:"line"`
	File       string      `json:"file"`
	Parameters []parameter `json:"parameters"`
}

type output struct {
	Dies      int            `json:"dies"`
	Units     int            `json:"units"`
	Abstract  int            `json:"abstract"`
	Inlined   map[string]int `json:"inlined"`
	Functions []function     `json:"functions"`
}

func main() {
	exe, err := elf.Open(os.Args[1])
	check(err)
	data, err := exe.DWARF()
	check(err)
	out := output{Inlined: map[string]int{}}
	abstract := map[dwarf.Offset]*dwarf.Entry{}
	parameters := map[dwarf.Offset][]*dwarf.Entry{}
	var concrete []*dwarf.Entry
	var copies []dwarf.Offset
	var stack []*dwarf.Entry
	files := map[*dwarf.Entry][]*dwarf.LineFile{}
	var current []*dwarf.LineFile
	reader := data.Reader()
	for {
		entry, err := reader.Next()
		check(err)
		if entry == nil {
			break
		}
		if entry.Tag == 0 {
			stack = stack[:len(stack)-1]
			continue
		}
		out.Dies++
		switch entry.Tag {
		case dwarf.TagCompileUnit:
			out.Units++
			current = nil
			if lines, err := data.LineReader(entry); err == nil && lines != nil {
				current = lines.Files()
			}
		case dwarf.TagSubprogram:
			if entry.Val(dwarf.AttrLowpc) != nil {
				concrete = append(concrete, entry)
				files[entry] = current
			} else {
				out.Abstract++
				abstract[entry.Offset] = entry
			}
		case dwarf.TagInlinedSubroutine:
			copies = append(copies, entry.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset))
		case dwarf.TagFormalParameter:
			if parent := stack[len(stack)-1]; parent.Tag == dwarf.TagSubprogram {
				parameters[parent.Offset] = append(parameters[parent.Offset], entry)
			}
		}
		if entry.Children {
			stack = append(stack, entry)
		}
	}
	for _, origin := range copies {
		name, _ := abstract[origin].Val(dwarf.AttrName).(string)
		out.Inlined[name]++
	}
	entryAt := func(offset dwarf.Offset) *dwarf.Entry {
		other := data.Reader()
		other.Seek(offset)
		entry, err := other.Next()
		check(err)
		return entry
	}
	for _, entry := range concrete {
		f := function{Low: entry.Val(dwarf.AttrLowpc).(uint64), Parameters: []parameter{}}
		switch high := entry.Val(dwarf.AttrHighpc).(type) {
		case uint64:
			f.Size = high - f.Low
		case int64:
			f.Size = uint64(high)
		}
		named := entry
		if origin, ok := entry.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset); ok {
			named = abstract[origin]
		}
		f.Name, _ = named.Val(dwarf.AttrName).(string)
		f.Line, _ = named.Val(dwarf.AttrDeclLine).(int64)
		if file, ok := entry.Val(dwarf.AttrDeclFile).(int64); ok && int(file) < len(files[entry]) && files[entry][file] != nil {
			f.File = files[entry][file].Name
		}
		for _, formal := range parameters[entry.Offset] {
			source := formal
			if origin, ok := formal.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset); ok {
				source = entryAt(origin)
			}
			p := parameter{}
			p.Name, _ = source.Val(dwarf.AttrName).(string)
			p.Result, _ = source.Val(dwarf.AttrVarParam).(bool)
			if offset, ok := source.Val(dwarf.AttrType).(dwarf.Offset); ok {
				p.Type = uint64(offset)
				typ, err := data.Type(offset)
				check(err)
				p.Size = typ.Size()
				p.Text, _ = entryAt(offset).Val(dwarf.AttrName).(string)
			}
			f.Parameters = append(f.Parameters, p)
		}
		out.Functions = append(out.Functions, f)
	}
	check(json.NewEncoder(os.Stdout).Encode(out))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
