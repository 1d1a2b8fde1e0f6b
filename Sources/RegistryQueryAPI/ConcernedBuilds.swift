import Builds
import Synchronization

/// The builds that a request concerns, as they become known while it is handled.
final class ConcernedBuilds: Sendable {
    /// More are not listed.
    static let most = 20

    private let ids = Mutex<[BuildID]>([])

    /// Notes builds, each once.
    func note(_ builds: some Sequence<BuildID>) {
        ids.withLock { ids in
            for id in builds where !ids.contains(id) && ids.count < Self.most { ids.append(id) }
        }
    }

    /// The ids as a log has them, separated by commas; `nil` for none.
    var text: String? {
        let ids = ids.withLock { $0 }
        return ids.isEmpty ? nil : ids.map(\.description).joined(separator: ",")
    }
}
