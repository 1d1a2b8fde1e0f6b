internal import OCIDistribution

/// What the registry serves under a tag.
struct ServedImage: Sendable {
    /// `nil` where it is nothing that can be read.
    var digest: Digest?
    /// `nil` where what it says of itself cannot be read.
    var facts: KnownImages.Facts?
}

/// A tag of a repository.
struct TagPlace: Hashable, Sendable {
    var tag: Tag
    var repository: Repository

    /// What the registry serves there now; `nil` if nothing.
    ///
    /// One image that is odd must not hide the others: it is told without what cannot be read of it.
    func served(by registry: RegistryClient, _ images: KnownImages) async throws -> ServedImage? {
        var served = ServedImage()
        do {
            guard let digest = try await registry.servedDigest(of: tag, in: repository) else { return nil }
            served.digest = digest
            if let facts = images[digest] {
                served.facts = facts
            } else {
                served.facts = images.remember(try await registry.image(.digest(digest), in: repository))
            }
        } catch let error as RegistryError where [.manifestUnknown, .nameUnknown].contains(error.code) {
            return nil
        } catch let error as RegistryError where [.unsupported, .malformedAnswer].contains(error.code) {
            // Told as far as it was read.
        }
        return served
    }
}
