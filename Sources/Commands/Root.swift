/// The commands.
public enum Root {}
