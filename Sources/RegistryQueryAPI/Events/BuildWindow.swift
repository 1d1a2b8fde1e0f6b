import Builds
import NIOCore

/// The builds that are shown to those who look on: all that have not ended, and the newest of all.
struct BuildWindow: Sendable {
    /// How many of the newest builds are shown.
    static let newest = 200

    private struct Entry: Sendable {
        var build: Build
        /// The document in UTF-8, as it was when the build last changed.
        var document: [UInt8]
    }

    private var entries: [Entry] = []

    /// All of them as one event.
    var event: [UInt8] {
        var text = Array("event: builds\ndata: {\"builds\":[".utf8)
        for (index, entry) in entries.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            // How long it has taken by now is part of the document.
            text += entry.build.status.isFinal ? entry.document : JSONDocument(entry.build).value.utf8
        }
        return text + Array("]}\n\n".utf8)
    }

    /// The window on these builds, which come newest first, and what has changed since the one before.
    static func of(_ builds: [Build], after old: BuildWindow?) -> (BuildWindow, events: [ByteBuffer]) {
        let known = Dictionary((old?.entries ?? []).map { ($0.build.id, $0) }, uniquingKeysWith: { first, _ in first })
        var window = BuildWindow()
        var changed: [ByteBuffer] = []
        var shown: Set<BuildID> = []
        for (index, build) in builds.enumerated() where index < newest || !build.status.isFinal {
            shown.insert(build.id)
            if let entry = known[build.id], looksTheSame(entry.build, build) {
                window.entries.append(entry)
                continue
            }
            let document = JSONDocument(build).value
            window.entries.append(Entry(build: build, document: document.utf8))
            changed.append(serverSentEvent("build", document))
        }
        let gone = (old?.entries ?? []).map(\.build.id).filter { !shown.contains($0) }
        // The oldest change first: so whoever shows them as they come ends with the newest on top.
        return (window, gone.map { serverSentEvent("gone", ["id": .text($0)]) } + changed.reversed())
    }

    /// How long builds usually take is no news of one that has ended.
    private static func looksTheSame(_ left: Build, _ right: Build) -> Bool {
        guard right.status.isFinal else { return left == right }
        var left = left
        left.usualDuration = right.usualDuration
        return left == right
    }
}
