internal import OCIDistribution

/// What an operator may set for every Job without a template of their own.
public struct JobOptions: Sendable, Equatable {
    /// The image of the container `buildkit`; `nil` keeps the template's.
    public let buildKitImage: String?
    /// The image of the container `git-clone`; `nil` keeps the template's.
    public let gitImage: String?
    /// What stands before the webapp's name in the repository of its build cache; `nil` builds without a cache.
    ///
    /// A template that says something about caches itself keeps that.
    public let cachePrefix: String?

    /// Leaves everything to the template.
    public init() {
        (buildKitImage, gitImage, cachePrefix) = (nil, nil, nil)
    }

    /// Checks the settings.
    /// - Parameter naming: Where images go, which is where no cache may go.
    /// - Throws: ``InvalidInput`` for the field `BUILDKIT_IMAGE`, `GIT_IMAGE` or `CACHE_PREFIX`.
    public init(
        buildKitImage: String? = nil, gitImage: String? = nil, cachePrefix: String? = nil, naming: ImageNaming
    ) throws(InvalidInput) {
        for (field, image) in [("BUILDKIT_IMAGE", buildKitImage), ("GIT_IMAGE", gitImage)] {
            if let image { try Self.checkImage(image, field: field) }
        }
        if let cachePrefix { try Self.checkCachePrefix(cachePrefix, naming) }
        self.buildKitImage = buildKitImage
        self.gitImage = gitImage
        self.cachePrefix = cachePrefix
    }

    private static func checkImage(_ text: String, field: String) throws(InvalidInput) {
        let image: ImageReference
        do {
            image = try ImageReference(text)
        } catch {
            throw InvalidInput(field: field, "\(InvalidInput.quoted(text)) is no image: \(error)")
        }
        guard image.tag != nil || image.digest != nil else {
            throw InvalidInput(
                field: field,
                "\(InvalidInput.quoted(text)) has neither a tag nor a digest, and would be another image any day; name one"
            )
        }
    }

    private static func checkCachePrefix(_ prefix: String, _ naming: ImageNaming) throws(InvalidInput) {
        let shown = InvalidInput.quoted(prefix)
        let repository: Repository
        do {
            // The longest name that a webapp can have.
            repository = try Repository("\(prefix)/\(String(repeating: "a", count: 63))")
        } catch {
            throw InvalidInput(field: "CACHE_PREFIX", "\(shown) cannot begin a repository name: \(error)")
        }
        guard naming.webapp(of: repository) == nil else {
            throw InvalidInput(
                field: "CACHE_PREFIX",
                "\(shown) is where the images go (REPOSITORY_PREFIX); a cache needs repositories of its own, such as cache"
            )
        }
    }
}
