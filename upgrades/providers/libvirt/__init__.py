"""The provider `libvirt`: real virtual machines on one host, through its libvirt daemon (docs/providers.md)."""
