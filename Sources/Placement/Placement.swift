/// Where a capability may go, and how sure that is.
public enum PlacementRoom {}
