internal import KubernetesClient
public import SystemPackage
internal import Yams

/// The Job that every build is made from: an operator's YAML file, or the one that is built in.
///
/// It is parsed and checked once. Values are then put into nodes of the parsed document, so that none of them can
/// become structure.
public struct JobTemplate: Sendable {
    /// The placeholders, each of which is one whole value of the document.
    enum Placeholder: String, CaseIterable {
        case jobName = "JOB_NAME"
        case webappName = "WEBAPP_NAME"
        case gitURL = "GIT_REPO_URL"
        case gitSubdirectory = "GIT_SUBDIRECTORY"
        case image = "IMAGE_TAG"

        /// As the document has it.
        var text: String { "${\(rawValue)}" }
    }

    /// The longest file that is read, in bytes.
    static let longestFile = 256 * 1024

    /// The checked document, placeholders and all.
    let document: JSONValue

    /// Parses and checks a template.
    /// - Parameters:
    ///   - text: One YAML document; the built-in template by default.
    ///   - origin: Its name in messages.
    /// - Throws: ``InvalidInput`` for the field `JOB_TEMPLATE`, with file, line and reason.
    public init(
        text: String = JobTemplate.builtInText, origin: String = "the built-in template"
    ) throws(InvalidInput) {
        do {
            // Composed here and not only converted, because the converted document has no lines.
            guard let node = try Yams.compose(yaml: text) else { throw TemplateProblem(line: 1, "the file is empty") }
            let document = try JSONValue(yaml: node)
            try TemplateCheck(root: TemplateCursor(value: document, node: node)).run()
            self.document = document
        } catch let problem as TemplateProblem {
            throw InvalidInput(field: "JOB_TEMPLATE", "\(origin), line \(problem.line): \(problem.reason)")
        } catch let error as DocumentError {
            throw InvalidInput(field: "JOB_TEMPLATE", "\(origin), \(error.description)")
        } catch let error as YamlError {
            throw InvalidInput(field: "JOB_TEMPLATE", "\(origin), \(Self.place(of: error))")
        } catch {
            throw InvalidInput(field: "JOB_TEMPLATE", "\(origin) cannot be read: \(error)")
        }
    }

    /// Reads, parses and checks a template.
    /// - Throws: ``InvalidInput`` for the field `JOB_TEMPLATE`, with file, line and reason.
    public init(file path: FilePath) throws(InvalidInput) {
        let text: String
        do {
            text = try Self.contents(of: path)
        } catch let error as InvalidInput {
            throw error
        } catch {
            throw InvalidInput(
                field: "JOB_TEMPLATE",
                "\(path) cannot be read: \(error); name a readable file, or leave JOB_TEMPLATE out")
        }
        try self.init(text: text, origin: path.string)
    }

    private static func contents(of path: FilePath) throws -> String {
        let file = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec])
        return try file.closeAfter {
            var bytes: [UInt8] = []
            while true {
                let chunk = try [UInt8](unsafeUninitializedCapacity: 16 * 1024) { buffer, count in
                    count = try file.read(into: UnsafeMutableRawBufferPointer(buffer))
                }
                if chunk.isEmpty { break }
                bytes += chunk
                guard bytes.count <= longestFile else {
                    throw InvalidInput(field: "JOB_TEMPLATE", "\(path) is longer than \(longestFile) bytes")
                }
            }
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw InvalidInput(field: "JOB_TEMPLATE", "\(path) is no UTF-8 text")
            }
            return text
        }
    }

    /// Line and problem, without the piece of the file that Yams adds.
    private static func place(of error: YamlError) -> String {
        switch error {
        case .composer(_, let problem, let mark, _) where problem.contains("another document"):
            "line \(mark.line): a second document begins; a template is one Job"
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            "line \(mark.line): no valid YAML: \(problem)"
        case .duplicatedKeysInMapping(let names, let context):
            "line \(context.mark.line): keys that come twice: \(names.joined(separator: ", "))"
        default: "no valid YAML"
        }
    }
}

/// What is wrong with a template, and where.
struct TemplateProblem: Error {
    let line: Int
    let reason: String

    init(line: Int, _ reason: String) {
        self.line = line
        self.reason = reason
    }
}
