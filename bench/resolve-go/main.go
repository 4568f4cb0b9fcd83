// Command resolve-go does what bench/resolve.ts measures, with Go's own debug/elf and debug/dwarf: finds one function, its
// parameters' names, types and locations, its code, its line. Prints a JSON line with CPU seconds and peak memory.
package main

import (
	"debug/dwarf"
	"debug/elf"
	"encoding/json"
	"fmt"
	"os"
	"syscall"
)

func main() {
	file, name := os.Args[1], os.Args[2]
	exe, err := elf.Open(file)
	check(err)
	data, err := exe.DWARF()
	check(err)
	reader := data.Reader()
	var found *dwarf.Entry
	parameters := []string{}
	for found == nil {
		entry, err := reader.Next()
		check(err)
		if entry == nil {
			break
		}
		if entry.Tag == dwarf.TagSubprogram {
			if entry.Val(dwarf.AttrName) == name && entry.Val(dwarf.AttrLowpc) != nil {
				found = entry
				break
			}
			if origin, ok := entry.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset); ok && entry.Val(dwarf.AttrLowpc) != nil {
				other := data.Reader()
				other.Seek(origin)
				if abstract, err := other.Next(); err == nil && abstract.Val(dwarf.AttrName) == name {
					found = entry
					break
				}
			}
			reader.SkipChildren()
		}
	}
	if found == nil {
		fmt.Fprintln(os.Stderr, "not found:", name)
		os.Exit(1)
	}
	for {
		child, err := reader.Next()
		check(err)
		if child == nil || child.Tag == 0 {
			break
		}
		if child.Tag == dwarf.TagFormalParameter {
			if offset, ok := child.Val(dwarf.AttrType).(dwarf.Offset); ok {
				typ, err := data.Type(offset)
				check(err)
				text, _ := child.Val(dwarf.AttrName).(string)
				parameters = append(parameters, text+" "+typ.String())
			}
		}
		if child.Children {
			reader.SkipChildren()
		}
	}
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"cpu": seconds(usage.Utime) + seconds(usage.Stime), "megabytes": float64(usage.Maxrss) / 1024, "parameters": parameters,
	}))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
