"""What the virtual machine boots: Debian's kernel with the modules that lessons need, and the tree as a read-only disk.

The disk is an erofs of the tree in a compressed qcow2: QEMU decompresses, which costs nothing inside. Nobody writes to
it, so any number of machines use the same one.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from dockernet_lessons.errors import BuildFailed
from dockernet_lessons.testbed import emulator, image, made, paths
from dockernet_lessons.testbed.commands import run
from dockernet_lessons.testbed.tree import Tree

KERNEL = "linux-image-cloud-amd64"
ROOM_MB = 900
"""What making a disk takes for a moment: the kernel's package, a copy of the tree, and the disk uncompressed."""

AT_BOOT = ("virtio_pci", "virtio_blk", "erofs", "overlay")
"""Built into newer kernels; what is not there as a module is left out."""

LOADED = (
    *("virtio_net", "bridge", "br_netfilter", "veth", "macvlan", "ipvlan"),
    *("vxlan", "8021q", "dummy", "ip_vs", "ip_vs_rr"),
)
"""Loaded before the testbed starts, so that a saved one has them; ``ipvlan`` and the like cost almost nothing."""

NEEDED = (
    "net/8021q",
    "net/bridge",
    "net/ipv4",
    "net/ipv6",
    "net/netfilter",
    "net/sched",
    "net/xfrm",
)
"""Folders of modules that the kernel or an engine may ask for by itself."""

INITRAMFS = """\
#!/usr/bin/busybox sh
# First process: lay a disposable layer over the read-only disk and go on there.
PATH=/usr/bin
busybox mount -t proc proc /proc
case $(busybox cat /proc/cmdline) in *testbed.probe*) echo 'the probe runs'; busybox poweroff -f ;; esac
for module in MODULES; do busybox insmod /$module.ko; done
busybox mount -t devtmpfs dev /dev
busybox mkdir /dev/pts /dev/shm
busybox mount -t erofs -o ro /dev/vda /disk
busybox mount -t tmpfs -o mode=0755 layer /layer
busybox mkdir /layer/upper /layer/work
busybox mount -t overlay -o lowerdir=/disk,upperdir=/layer/upper,workdir=/layer/work testbed /new
busybox umount /dev /proc
exec busybox switch_root /new /usr/lib/testbed/vm
"""
RECIPE = (KERNEL, AT_BOOT, LOADED, NEEDED, INITRAMFS, "format 1")


def make(tree: Tree, qemu: emulator.Emulator, progress: made.Progress = print) -> Path:
    """Give the folder with ``vmlinuz``, ``initramfs`` and ``disk.qcow2`` of a tree, making it where it is not cached.

    Raises ``BuildFailed``, ``CommandFailed``.
    """
    recipe = hashlib.sha256(repr((RECIPE, tree.content)).encode()).hexdigest()[:12]

    def make_it(folder: Path) -> None:
        progress(f"Fetching Debian {tree.suite}'s kernel (about 20 s, 40 MB)")
        emulator.unpacked(tree.suite, (KERNEL,), folder / "kernel")
        progress("Making the virtual machine's disk")
        kernel = _kernel_of(folder / "kernel")
        shutil.copyfile(kernel / "vmlinuz" if (kernel / "vmlinuz").exists() else _boot_file(folder), folder / "vmlinuz")
        modules = {path.name.split(".")[0].replace("-", "_"): path for path in kernel.rglob("*.ko*")}
        root = folder / "root"
        shutil.copytree(tree.root, root, symlinks=True)
        chosen = {name for name, path in modules.items() if str(path.relative_to(kernel / "kernel")).startswith(NEEDED)}
        needed = dict(_with_dependencies(modules, [*AT_BOOT, *LOADED, *sorted(chosen)]))
        target = root / "usr/lib/modules" / kernel.name
        target.mkdir(parents=True)
        for name, data in needed.items():
            (target / f"{name}.ko").write_bytes(data)
        for listing in kernel.glob("modules.*"):
            if listing.name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
                shutil.copyfile(listing, target / listing.name)
        (target.parent / "wanted").write_text(" ".join(LOADED))
        depmod = image.loaded_from(tree.root, [str(tree.root / "usr/bin/kmod")])
        (folder / "depmod").symlink_to(tree.root / "usr/bin/kmod")
        run([depmod[0], "--argv0", "depmod", *depmod[1:], "-b", str(root), kernel.name])
        (folder / "depmod").unlink()
        at_boot = dict(_with_dependencies(modules, AT_BOOT))
        (folder / "initramfs").write_bytes(b"".join(_initramfs(tree.root, at_boot)))
        erofs = folder / "disk.erofs"
        run([*qemu.program("mkfs.erofs"), "--quiet", "--all-root", "-T0", "-U", "clear", str(erofs), str(root)])
        compressed = ["convert", "-c", "-O", "qcow2", "-o", "compression_type=zstd"]
        run([*qemu.program("qemu-img"), *compressed, str(erofs), str(folder / "disk.qcow2")])
        erofs.unlink()
        for left in ("kernel", "root"):
            shutil.rmtree(folder / left)
        (folder / "manifest.json").write_text(json.dumps({"kernel": kernel.name, "tree": tree.content}))

    folder = paths.cache() / "vm" / f"{tree.suite}-{recipe}"
    sound = lambda path: (path / "manifest.json").exists()  # noqa: E731
    return made.once(folder, make_it, sound=sound, progress=progress, room_mb=ROOM_MB)


def _kernel_of(root: Path) -> Path:
    """Find the folder of a kernel's modules."""
    found = sorted((root / "usr/lib/modules").glob("*/kernel"))
    if not found:
        raise BuildFailed(f"{KERNEL} brought no kernel.", hint="report it: Debian's packages have changed.")
    return found[-1].parent


def _boot_file(folder: Path) -> Path:
    """Find the kernel where it lies in suites before forky."""
    return sorted((folder / "kernel" / "boot").glob("vmlinuz-*"))[-1]


def _with_dependencies(modules: dict[str, Path], names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Give modules, decompressed, each after those that it depends on. What is built into the kernel is left out."""
    done: set[str] = set()

    def visit(name: str) -> Iterator[tuple[str, bytes]]:
        name = name.replace("-", "_")
        if name in done or name not in modules:
            return
        done.add(name)
        path = modules[name]
        data = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
        start = data.find(b"\0depends=") + len("\0depends=")
        for dependency in data[start : data.index(b"\0", start)].decode().split(","):
            yield from visit(dependency)
        yield name, data

    for name in names:
        yield from visit(name)


def _initramfs(root: Path, modules: dict[str, bytes]) -> Iterator[bytes]:
    """Give a cpio archive of busybox with its libraries, the modules of the disk, and a script."""
    libraries = image.libraries(root, root / "usr/bin/busybox")
    files = {"usr/bin/busybox": (root / "usr/bin/busybox").read_bytes()}
    files |= {f"usr/lib/x86_64-linux-gnu/{library.name}": library.read_bytes() for library in libraries}
    files |= {f"{name}.ko": data for name, data in modules.items()}
    files["init"] = INITRAMFS.replace("MODULES", " ".join(modules)).encode()
    folders = (
        "dev",
        "disk",
        "layer",
        "new",
        "proc",
        *("usr", "usr/bin", "usr/lib", "usr/lib64"),
        "usr/lib/x86_64-linux-gnu",
    )
    links = {
        "lib": "usr/lib",
        "lib64": "usr/lib64",
        "usr/lib64/ld-linux-x86-64.so.2": "../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
    }
    entries = [
        *((name, 0o040755, b"") for name in folders),
        *((name, 0o100755, data) for name, data in files.items()),
        *((name, 0o120777, target.encode()) for name, target in links.items()),
        ("TRAILER!!!", 0, b""),
    ]
    for number, (name, mode, data) in enumerate(entries, start=1):
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        header = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        yield header + bytes(-len(header) % 4) + data + bytes(-len(data) % 4)
