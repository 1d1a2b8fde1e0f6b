internal import FoundationEssentials
internal import KubernetesClient

extension Callback {
    /// The state as an annotation's value: a JSON object with times as RFC 3339 has them.
    var annotation: String? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .custom { date, encoder in try MicroTime(date).encode(to: encoder) }
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Reads ``annotation``; `nil` for what is none, which somebody must have edited.
    init?(annotation: String) {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .custom { decoder in try MicroTime(from: decoder).date }
        guard let callback = try? decoder.decode(Callback.self, from: Data(annotation.utf8)) else { return nil }
        self = callback
    }

    /// What writes the state onto the version of a Job that is known and, once it is over, lets the Job go.
    func patch(of job: Job) -> ObjectPatch {
        var metadata: JSONValue = [
            "annotations": [JobKeys.Annotation.callback: annotation.map(JSONValue.string) ?? .null]
        ]
        if let version = job.metadata.resourceVersion { metadata["resourceVersion"] = .string(version) }
        if status.isFinal {
            let others = job.metadata.finalizers.filter { $0 != JobKeys.callbackFinalizer }
            metadata["finalizers"] = others.isEmpty ? .null : .array(others.map(JSONValue.string))
        }
        return .merge(["metadata": metadata])
    }
}
