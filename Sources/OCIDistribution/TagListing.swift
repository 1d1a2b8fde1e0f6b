/// All tags of a repository.
public struct TagListing: Sendable, Hashable {
    /// The tags, each once, in the registry's order, which means nothing.
    public var tags: [Tag]
    /// How many names the registry listed that are no valid tags; they are left out.
    public var ignored: Int

    /// Puts a listing together.
    public init(tags: [Tag], ignored: Int = 0) {
        self.tags = tags
        self.ignored = ignored
    }
}
