// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"unsafe"
)

// terminal is a pseudo terminal: what is typed there, and what is shown.
type terminal struct {
	t             *T
	master, slave *os.File
	mu            sync.Mutex
	shown         []byte
}

func (t *T) terminal() *terminal {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	t.must(err)
	t.cleanup(func() { master.Close() })
	var number, unlocked uint32
	t.ioctl(master, syscall.TIOCSPTLCK, &unlocked)
	t.ioctl(master, syscall.TIOCGPTN, &number)
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	t.must(err)
	t.cleanup(func() { slave.Close() })
	x := &terminal{t: t, master: master, slave: slave}
	go x.read()
	return x
}

func (t *T) ioctl(f *os.File, request uintptr, arg *uint32) {
	conn, err := f.SyscallConn() // Fd() would make its reads ones that Close cannot end
	t.must(err)
	var errno syscall.Errno
	t.must(conn.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(unsafe.Pointer(arg)))
	}))
	if errno != 0 {
		t.Fatalf("%s: %v", f.Name(), errno)
	}
}

func (x *terminal) read() {
	b := make([]byte, 4096)
	for {
		n, err := x.master.Read(b)
		x.mu.Lock()
		x.shown = append(x.shown, b[:n]...)
		x.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (x *terminal) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return string(x.shown)
}

func (x *terminal) typeIn(keys string) {
	_, err := x.master.WriteString(keys)
	x.t.must(err)
}

// expect waits until the text has been shown.
func (x *terminal) expect(text string) {
	x.t.eventually(fmt.Sprintf("%q is not on the terminal", text), func() bool {
		return strings.Contains(x.String(), text)
	})
}
