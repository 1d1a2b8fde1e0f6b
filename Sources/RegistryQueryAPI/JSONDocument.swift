public import Builds
internal import FoundationEssentials
public import OCIDistribution
public import SemanticVersions

/// An answer as the contract has it: one JSON object, absent values as `null`, times in RFC 3339 with milliseconds and
/// `Z`.
///
/// The command line prints the same documents.
public struct JSONDocument: Sendable {
    let value: JSONValue

    /// The document in UTF-8, on one line without a line feed.
    public var text: String { String(decoding: value.utf8, as: UTF8.self) }

    /// The tags of a webapp.
    public init(_ answer: TagsAnswer) {
        value = [
            "webapp": .text(answer.webapp),
            "repository": .text(answer.repository),
            "latest": .text(answer.latest),
            "count": .integer(answer.count),
            "tags": .texts(answer.tags),
        ]
    }

    /// What is behind a tag.
    public init(_ tag: Tag, _ image: ImageReference, _ details: ImageDetails) {
        let labels = details.labels.sorted { $0.key < $1.key }.map { JSONValue.Member($0.key, .string($0.value)) }
        value = [
            "tag": .text(tag),
            "image": .text(image),
            "digest": .text(details.digest),
            "mediaType": .text(details.mediaType),
            "size": .integer(details.size),
            "platforms": .texts(details.platforms),
            "createdAt": .time(details.createdAt),
            "revision": .text(details.revision),
            "source": .text(details.source),
            "labels": .object(labels),
        ]
    }

    /// The version that comes next.
    public init(_ answer: NextAnswer) {
        value = [
            "webapp": .text(answer.webapp),
            "repository": .text(answer.repository),
            "current": .text(answer.current),
            "next": .text(answer.next),
            "image": .text(answer.image),
            "bump": .text(answer.bump?.rawValue),
            "releaseNeeded": .bool(answer.releaseNeeded),
            "inFlight": .texts(answer.inFlight),
        ]
    }

    /// A build.
    public init(_ build: Build) {
        value = Self.value(of: build)
    }

    /// Some builds.
    public init(_ builds: [Build]) {
        value = ["builds": .array(builds.map(Self.value))]
    }

    /// That no commit asks for a release, so that nothing was built.
    public init(releaseNotNeededOf webapp: WebappName, current: VersionTag?) {
        let state = current.map { "its version stays \($0)" } ?? "it has no version yet"
        value = [
            "webapp": .text(webapp),
            "releaseNeeded": false,
            "current": .text(current),
            "message": .string("no commit asks for a release of \(webapp); \(state)"),
        ]
    }

    private static func value(of build: Build) -> JSONValue {
        let path = "/builds/\(build.id)"
        return [
            "id": .text(build.id),
            "webapp": .text(build.webapp),
            "tag": .text(build.version),
            "image": .text(build.image),
            "status": .string(build.status.rawValue),
            "phase": .text(build.phase?.rawValue),
            "progress": progress(of: build),
            "done": .bool(build.status.isFinal),
            "message": .string(build.message),
            "digest": .text(build.digest),
            "git": [
                "url": .string(withoutPassword(build.git.url)),
                "ref": .string(build.git.ref),
                "commit": .text(build.git.commit),
                "subdirectory": .string(build.git.subdirectory),
            ],
            "platforms": .texts(build.platforms),
            "createdAt": .time(build.createdAt),
            "startedAt": .time(build.startedAt),
            "finishedAt": .time(build.finishedAt),
            "durationSeconds": .seconds(build.duration(now: Date())),
            "usualDurationSeconds": .seconds(build.usualDuration),
            "phases": .array(build.phaseTimes.map(Self.value)),
            "requestedBy": .text(build.requestedBy),
            "callback": callback(of: build),
            "links": [
                "self": .string(path),
                "logs": .string("\(path)/logs"),
                "events": .string("\(path)/events"),
            ],
        ]
    }

    private static func progress(of build: Build) -> JSONValue {
        guard let progress = build.progress else { return .null }
        return [
            "step": .integer(progress.step), "steps": .integer(progress.steps),
            "instruction": .string(progress.instruction),
        ]
    }

    private static func value(of time: Build.PhaseTime) -> JSONValue {
        [
            "phase": .string(time.phase.rawValue), "startedAt": .time(time.startedAt),
            "durationSeconds": .seconds(time.duration),
        ]
    }

    /// Of the URL only the host is told: whoever knows all of it may resume the workflow that waits there.
    private static func callback(of build: Build) -> JSONValue {
        guard let callback = build.callback else { return .null }
        return [
            "host": .text(build.callbackHost),
            "status": .string(callback.status.rawValue),
            "attempts": .integer(callback.attempts),
            "lastAttemptAt": .time(callback.lastAttemptAt),
            "lastAnswer": .text(callback.lastAnswer),
            "nextAttemptAt": .time(callback.nextAttemptAt),
        ]
    }

    /// The URL without credentials, which the operator's own default may carry and which concern no caller.
    ///
    /// The user of an ssh URL is part of the address.
    private static func withoutPassword(_ url: String) -> String {
        guard let start = url.firstRange(of: "://")?.upperBound else { return url }
        let authority = url[start...].prefix { !"/?#".contains($0) }
        guard let at = authority.lastIndex(of: "@") else { return url }
        let user = authority[..<at]
        let isAddress = url.lowercased().hasPrefix("ssh://") && !user.contains(":")
        return isAddress ? url : String(url[..<start] + url[url.index(after: at)...])
    }
}

extension JSONValue {
    /// A time in UTC, to the millisecond.
    ///
    /// Spec: RFC 3339.
    static func time(_ date: Date?) -> JSONValue {
        guard let date else { return .null }
        // The style cuts what lies beyond the millisecond off, and 0.345 is a little less than it says.
        let rounded = Date(timeIntervalSince1970: (date.timeIntervalSince1970 * 1000).rounded() / 1000 + 0.000_1)
        return .string(rounded.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
    }

    /// Seconds, to the millisecond.
    static func seconds(_ duration: Duration?) -> JSONValue {
        guard let duration else { return .null }
        return .number("\(Double(duration.milliseconds) / 1000)")
    }
}
