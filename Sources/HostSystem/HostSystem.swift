/// Descriptors, files and whatever else is the operating system's.
public enum HostSystem {}
