internal import FoundationEssentials
internal import HTTPTransport

extension DockerConfig {
    /// Why a configuration cannot be read at all.
    public struct Unreadable: Error, Sendable, CustomStringConvertible {
        /// One sentence without secrets.
        public let description: String
    }

    /// Reads the bytes of a `config.json`.
    ///
    /// - Parameters:
    ///   - bytes: the file's content.
    ///   - source: the file's path, for descriptions and problems.
    /// - Throws: ``Unreadable`` when it is no JSON object; whatever is wrong within it is reported in ``problems``.
    public init(_ bytes: some Sequence<UInt8>, source: String) throws(Unreadable) {
        let file: File
        do {
            file = try JSONDecoder().decode(File.self, from: Data(bytes))
        } catch {
            // The decoder's own words may quote the text around the mistake, which may be a secret.
            throw Unreadable(description: "\(source) is not a JSON object; the entries read before stay in use")
        }
        self.init()
        for (text, fields) in Self.contents(of: file.auths, named: "auths", &problems, source) {
            let place = "auths[\"\(redacted(text, limit: 100))\"] of \(source)"
            guard let key = AuthKey(text) else {
                problems.append("\(place) is left out: the key names no registry")
                continue
            }
            do throws(AuthFields.Unusable) {
                entries.append(Entry(key: key, fields: fields, credential: try fields.credential(source: place)))
            } catch {
                problems.append("\(place) is left out: \(error.reason)")
            }
        }
        for (host, program) in Self.contents(of: file.credHelpers, named: "credHelpers", &problems, source) {
            credentialHelpers[host] = usable(program, "credHelpers[\"\(redacted(host, limit: 100))\"] of \(source)")
        }
        switch file.credsStore {
        case .success(let program?) where !program.isEmpty:
            credentialsStore = usable(program, "credsStore of \(source)")
        case .success: break
        case .failure: problems.append("credsStore of \(source) is left out: it is not a string")
        }
    }

    /// Reads the value of `DOCKER_AUTH_CONFIG`: `{"auths": {"host": {"auth": "..."}}}` and nothing else.
    ///
    /// - Throws: ``Unreadable`` for any other field, and when one entry cannot be used.
    public init(environmentValue text: String) throws(Unreadable) {
        let source = "DOCKER_AUTH_CONFIG"
        let file: [UInt8]
        do {
            file = try JSONDecoder().decode(EnvironmentValue.self, from: Data(text.utf8)).asConfigFile
        } catch {
            throw Unreadable(
                description:
                    "\(source) is not used: it must be {\"auths\": {\"host\": {\"auth\": \"...\"}}} and nothing else"
            )
        }
        try self.init(file, source: source)
        if let problem = problems.first { throw Unreadable(description: "\(source) is not used: \(problem)") }
    }

    /// A helper's name, which becomes part of a program's name that is looked up in `PATH`.
    private mutating func usable(_ program: String, _ place: String) -> String? {
        guard !program.isEmpty, program.utf8.allSatisfy({ $0.isASCIIAlphanumeric || "-_.".utf8.contains($0) }) else {
            problems.append("\(place) is left out: it is not the name of a credential helper")
            return nil
        }
        return program
    }

    private static func contents<Value>(
        of field: Result<[String: Lenient<Value>]?, any Error>, named name: String, _ problems: inout [String],
        _ source: String
    ) -> [(String, Value)] {
        guard case .success(let values) = field else {
            problems.append("\(name) of \(source) is left out: it is not a JSON object")
            return []
        }
        return (values ?? [:]).sorted { $0.key < $1.key }.compactMap { key, value in
            if case .success(let value) = value.result { return (key, value) }
            problems.append(
                "\(name)[\"\(redacted(key, limit: 100))\"] of \(source) is left out: it has fields of the wrong type")
            return nil
        }
    }
}

/// A value whose own mistakes do not spoil what stands beside it.
private struct Lenient<Value: Decodable & Sendable>: Decodable, Sendable {
    var result: Result<Value, any Error>

    init(from decoder: any Decoder) throws { result = Result { try Value(from: decoder) } }
}

private struct File: Decodable {
    var auths: Result<[String: Lenient<AuthFields>]?, any Error>
    var credHelpers: Result<[String: Lenient<String>]?, any Error>
    var credsStore: Result<String?, any Error>

    private enum Key: String, CodingKey { case auths, credHelpers, credsStore }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        auths = Result { try container.decodeIfPresent([String: Lenient<AuthFields>].self, forKey: .auths) }
        credHelpers = Result { try container.decodeIfPresent([String: Lenient<String>].self, forKey: .credHelpers) }
        credsStore = Result { try container.decodeIfPresent(String.self, forKey: .credsStore) }
    }
}

private struct EnvironmentValue: Decodable {
    var auths: [String: String] = [:]

    private struct AnyKey: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: AnyKey.self)
        for key in container.allKeys {
            try Self.expect(key, "auths", in: container)
            let hosts = try container.nestedContainer(keyedBy: AnyKey.self, forKey: key)
            for host in hosts.allKeys {
                let fields = try hosts.nestedContainer(keyedBy: AnyKey.self, forKey: host)
                for field in fields.allKeys { try Self.expect(field, "auth", in: fields) }
                auths[host.stringValue] = try fields.decode(String.self, forKey: AnyKey(stringValue: "auth"))
            }
        }
    }

    private static func expect(_ key: AnyKey, _ name: String, in container: KeyedDecodingContainer<AnyKey>) throws {
        guard key.stringValue == name else {
            throw DecodingError.dataCorruptedError(forKey: key, in: container, debugDescription: "unknown field")
        }
    }

    var asConfigFile: [UInt8] {
        get throws {
            let entries = auths.mapValues { AuthFields(auth: $0) }
            return Array(try JSONEncoder().encode(["auths": entries]))
        }
    }
}
