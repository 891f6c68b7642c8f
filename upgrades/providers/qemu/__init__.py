"""The provider `qemu`: real virtual machines on one host, through qemu-system-x86_64. For laptops and CI (docs/providers.md)."""
