// Command px is the first of what the single executable runs: a static program with the tree of px behind it. It unpacks the tree, once for each build,
// into a folder that only its user may write, and goes on there by the runtime that came along, whose loader and libraries are its own.
package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// The end of the file: the length of the compressed tree, its id, these words (tools/dist/build.ts).
const (
	magic   = "sonde-px"
	idBytes = 16
	trailer = 8 + idBytes + len(magic)
)

// appended is the tree behind this program, and its id.
func appended(self *os.File) (*io.SectionReader, string, error) {
	info, err := self.Stat()
	if err != nil {
		return nil, "", err
	}
	end := make([]byte, trailer)
	if _, err := self.ReadAt(end, info.Size()-int64(trailer)); err != nil {
		return nil, "", err
	}
	if string(end[8+idBytes:]) != magic {
		return nil, "", errors.New("this file is cut off")
	}
	length := int64(binary.LittleEndian.Uint64(end))
	return io.NewSectionReader(self, info.Size()-int64(trailer)-length, length), string(end[8 : 8+idBytes]), nil
}

// cache is the folder of all builds: XDG_CACHE_HOME, else below HOME, else /tmp.
func cache() string {
	if folder := os.Getenv("XDG_CACHE_HOME"); folder != "" {
		return filepath.Join(folder, "sonde")
	}
	home := os.Getenv("HOME")
	if home == "" {
		home = "/tmp"
	}
	return filepath.Join(home, ".cache", "sonde")
}

// unpacked tells whether the tree is there; it is an error if somebody else may have written into it.
func unpacked(tree string) (bool, error) {
	var stat syscall.Stat_t
	if err := syscall.Lstat(tree, &stat); err != nil {
		return false, nil
	}
	if int(stat.Uid) != os.Getuid() || stat.Mode&0o022 != 0 {
		return false, fmt.Errorf("%s is not a folder that only this user may write: remove it, or set XDG_CACHE_HOME to a folder of your own", tree)
	}
	return true, nil
}

// unpack fills a folder beside its place first: of several px at once each finds a whole tree or none.
func unpack(packed io.Reader, folder, tree string) error {
	fmt.Fprintf(os.Stderr, "px: unpacking into %s (once) …\n", tree)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(folder, ".new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(fresh)
	inflated, err := gzip.NewReader(packed)
	if err != nil {
		return err
	}
	files := tar.NewReader(inflated)
	for {
		header, err := files.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if header.Typeflag == tar.TypeReg {
			if err := write(filepath.Join(fresh, header.Name), files, header.FileInfo().Mode().Perm()); err != nil {
				return err
			}
		}
	}
	if err := os.Rename(fresh, tree); err != nil {
		if there, _ := unpacked(tree); !there {
			return err
		}
	}
	return nil
}

func write(path string, from io.Reader, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, from); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}

func ready() (string, error) {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return "", err
	}
	defer self.Close()
	packed, id, err := appended(self)
	if err != nil {
		return "", err
	}
	folder := cache()
	tree := filepath.Join(folder, "px-"+id)
	if there, err := unpacked(tree); there || err != nil {
		return tree, err
	}
	return tree, unpack(packed, folder, tree)
}

func main() {
	tree, err := ready()
	if err == nil {
		runtime := filepath.Join(tree, "runtime")
		loader := filepath.Join(runtime, "ld.so")
		args := []string{loader, "--library-path", runtime, filepath.Join(runtime, "node"),
			"--disable-warning=ExperimentalWarning", filepath.Join(tree, "src", "cli", "main.ts")}
		err = syscall.Exec(loader, append(args, os.Args[1:]...), environment(tree))
	}
	fmt.Fprintf(os.Stderr, "px: cannot unpack itself: %v\n", err)
	os.Exit(3)
}

// environment has the place for compiled code, for the agent too, which inherits it.
func environment(tree string) []string {
	const name = "NODE_COMPILE_CACHE="
	kept := []string{}
	for _, each := range os.Environ() {
		if strings.HasPrefix(each, name) && len(each) > len(name) {
			return os.Environ()
		}
		if !strings.HasPrefix(each, name) {
			kept = append(kept, each)
		}
	}
	return append(kept, name+filepath.Join(tree, ".compiled"))
}
