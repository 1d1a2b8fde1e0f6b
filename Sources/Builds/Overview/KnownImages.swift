internal import FoundationEssentials
internal import OCIDistribution
internal import Synchronization

/// What is known of images by their digests, under which nothing ever changes.
final class KnownImages: Sendable {
    /// What people want to see of an image beside its tag.
    struct Facts: Sendable, Equatable {
        var createdAt: Date?
        /// See `ImageDetails.size`.
        var size: Int
    }

    /// How many images are remembered; beyond it all are forgotten, which costs requests and nothing else.
    static let most = 10_000

    private let facts = Mutex<[Digest: Facts]>([:])

    subscript(digest: Digest) -> Facts? { facts.withLock { $0[digest] } }

    /// Keeps what is wanted of an image, and answers it.
    func remember(_ image: ImageDetails) -> Facts {
        let news = Facts(createdAt: image.createdAt, size: image.size)
        facts.withLock { facts in
            if facts.count >= Self.most { facts.removeAll() }
            facts[image.digest] = news
        }
        return news
    }
}
