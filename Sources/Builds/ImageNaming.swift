public import OCIDistribution

/// How images are named: `registry/prefix/webapp:tag`.
public struct ImageNaming: Sendable, Equatable {
    /// The registry as image references name it.
    public let registry: RegistryHost
    /// What stands before the webapp's name, such as `webapp`; empty for nothing.
    public let prefix: String

    /// Takes a registry and a prefix.
    /// - Throws: ``InvalidInput`` for the field `REPOSITORY_PREFIX` when webapps under it would have no legal repository name.
    public init(registry: RegistryHost, prefix: String) throws(InvalidInput) {
        self.registry = registry
        self.prefix = prefix
        let longest = String(repeating: "a", count: 63)
        do {
            _ = try Repository(prefix.isEmpty ? longest : "\(prefix)/\(longest)")
        } catch {
            throw InvalidInput(
                field: "REPOSITORY_PREFIX", "\(InvalidInput.quoted(prefix)) cannot begin a repository name: \(error)")
        }
    }

    /// The repository that holds the images of a webapp.
    /// - Throws: ``InvalidInput`` for a webapp whose name no repository may have: a DNS label is almost always one.
    public func repository(of webapp: WebappName) throws(InvalidInput) -> Repository {
        do {
            return try Repository(prefix.isEmpty ? "\(webapp)" : "\(prefix)/\(webapp)")
        } catch {
            throw InvalidInput(field: "webapp", "\(InvalidInput.quoted(webapp.description)): \(error)")
        }
    }

    /// The webapp whose images a repository holds; `nil` for a repository of nobody here.
    func webapp(of repository: String) -> WebappName? {
        let prefix = prefix.isEmpty ? "" : "\(prefix)/"
        guard repository.hasPrefix(prefix) else { return nil }
        return try? WebappName(String(repository.dropFirst(prefix.count)))
    }

    /// The reference of one image of a webapp.
    /// - Throws: ``InvalidInput`` for a tag that cannot be one.
    public func image(of webapp: WebappName, tag: String) throws(InvalidInput) -> ImageReference {
        let repository = try repository(of: webapp)
        do {
            return try ImageReference(host: registry, repository: repository, tag: Tag(tag))
        } catch {
            throw InvalidInput(field: "tag", "\(InvalidInput.quoted(tag)): \(error)")
        }
    }
}
