#!/usr/bin/env bash
# Runs end-to-end tests on another kernel, one of Debian's, in a virtual machine whose files are this machine's, read-only below a layer in
# memory. Without hardware to speed it up: a test takes some twenty times as long.
#   tools/test-kernel.sh 6.1 [vitest's arguments]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
release=${1:?the release of a kernel that Debian has, such as 6.1}
shift
[ $# -gt 0 ] || set -- test/story.test.ts test/calls.test.ts test/values.test.ts
tree=$PWD
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

missing=()
command -v qemu-system-x86_64 >/dev/null || missing+=(qemu-system-x86)
command -v cpio >/dev/null || missing+=(cpio)
command -v modprobe >/dev/null || missing+=(kmod)
[ -x /bin/busybox ] || missing+=(busybox-static)
if [ ${#missing[@]} -gt 0 ]; then
  echo "test-kernel: installing ${missing[*]}"
  apt-get update -q >/dev/null && apt-get install -q -y --no-install-recommends "${missing[@]}" >/dev/null
fi

package=$(apt-cache search --names-only "^linux-image-${release//./\\.}\\.[0-9.]*[-+][a-z0-9-]*amd64$" | awk '{print $1}' | grep -Ev 'cloud|rt|unsigned' | sort -V | tail -1)
[ -n "$package" ] || { echo "test-kernel: Debian has no kernel $release here" >&2; exit 1; }
echo "test-kernel: $package"
(cd "$folder" && apt-get download -q "$package" 2>/dev/null >/dev/null && dpkg-deb -x ./*.deb kernel && rm ./*.deb)
version=$(basename "$folder"/kernel/lib/modules/*)
depmod -b "$folder/kernel" "$version"

root=$folder/root
mkdir -p "$root"/{bin,modules,proc,sys,dev,below,layer,new}
cp /bin/busybox "$root/bin/"
for module in virtio_pci 9p 9pnet_virtio overlay; do
  modprobe -d "$folder/kernel" -S "$version" --show-depends "$module"
done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
  name=$(basename "$file" .xz)
  case $file in *.xz) xz -dc "$file" >"$root/modules/$name" ;; *) cp "$file" "$root/modules/$name" ;; esac
  echo "$name" >>"$root/modules/order"
done
cat >"$root/job" <<JOB
cd '$tree'
export PATH='$tree/node_modules/.bin':/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME='$HOME' TERM=dumb
${SONDE_TEST_CACHE:+export SONDE_TEST_CACHE='$SONDE_TEST_CACHE'}
echo "kernel \$(uname -r)"
vitest run --project e2e --testTimeout 900000 --hookTimeout 900000 --reporter verbose ${*@Q} && echo 'test-kernel: passed'
JOB
cat >"$root/init" <<'INIT'
#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc; $b mount -t sysfs sys /sys; $b mount -t devtmpfs dev /dev
for module in $($b cat /modules/order); do $b insmod "/modules/$module"; done
$b mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro host /below
$b mount -t tmpfs -o size=50% tmpfs /layer; $b mkdir -p /layer/upper /layer/work
$b mount -t overlay -o lowerdir=/below,upperdir=/layer/upper,workdir=/layer/work overlay /new
$b mount -t proc proc /new/proc; $b mount -t sysfs sys /new/sys; $b mount -t devtmpfs dev /new/dev
$b mkdir -p /new/dev/pts /new/dev/shm
$b mount -t devpts devpts /new/dev/pts; $b mount -t tmpfs tmpfs /new/dev/shm
$b mount -t tmpfs tmpfs /new/run; $b mount -t tmpfs tmpfs /new/tmp
$b mount -t cgroup2 cgroup /new/sys/fs/cgroup
$b ip link set lo up
$b cp /job /new/run/job
$b chroot /new /bin/bash /run/job
echo o >/proc/sysrq-trigger
$b sleep 10
INIT
chmod +x "$root/init"
(cd "$root" && find . | cpio -o -H newc 2>/dev/null | gzip -1 >"$folder/initrd")
qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 6144 -nographic -no-reboot -nic none \
  -kernel "$folder"/kernel/boot/vmlinuz-* -initrd "$folder/initrd" -append 'console=ttyS0 quiet panic=-1' \
  -fsdev local,id=host,path=/,security_model=none,readonly=on,multidevs=remap -device virtio-9p-pci,fsdev=host,mount_tag=host \
  </dev/null 2>/dev/null | tee "$folder/output"
grep -q '^test-kernel: passed' "$folder/output"
