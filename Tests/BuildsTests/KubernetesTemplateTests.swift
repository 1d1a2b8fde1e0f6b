import FoundationEssentials
import KubernetesClient
import SystemPackage
import Testing

@testable import Builds

@Suite("The Job template")
struct KubernetesTemplateTests {
    private static let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "deploy/kubernetes/buildkit-job-template.yaml")

    private static let text = JobTemplate.builtInText

    // MARK: The one that is built in

    @Test("the built-in template is the file, byte for byte")
    func builtInIsTheFile() throws {
        #expect(try Data(contentsOf: Self.file) == Data(JobTemplate.builtInText.utf8))
    }

    @Test("it passes its own checks, from the literal and from the file")
    func builtInIsAccepted() throws {
        #expect(try JobTemplate().document == JobTemplate(file: FilePath(Self.file.path)).document)
    }

    @Test("it has exactly the five placeholders, each a whole quoted value")
    func placeholders() {
        let found = Self.text.matches(of: #/\$\{[^}]*\}/#).map { String($0.output) }
        #expect(Set(found) == Set(JobTemplate.Placeholder.allCases.map(\.text)))
        for line in Self.text.split(separator: "\n") where line.contains("${") {
            #expect(line.firstMatch(of: #/: '\$\{[A-Z_]+\}'\}?$/#) != nil, "\(line)")
        }
    }

    /// What the seed's n8n snippet does.
    private func replacedAsText(_ values: [JobTemplate.Placeholder: String]) -> String {
        values.reduce(Self.text) { text, value in text.replacing(value.key.text, with: value.value) }
    }

    @Test(
        "replacing the placeholders as text gives the Job of the default branch, whatever the values look like",
        arguments: [
            ("app-example", "apps/app-example", "https://git.example/webapps.git"),
            // Names that YAML would take for a number, a truth value and nothing, and a directory that would be null.
            ("123", "", "https://git.example/a: b.git"), ("true", "null", "ssh://git@git.example/x #y.git"),
            ("1e3", "~", "https://git.example/{a}[b],\"c\"%20&*!|>`@.git"),
        ])
    func textReplacement(webapp: String, subdirectory: String, url: String) throws {
        let image = "registry.k8s-lab.dev/webapp/\(webapp):v1.0.0"
        let job = try JSONValue(
            yaml: replacedAsText([
                .jobName: "build-\(webapp)-1", .webappName: webapp, .gitURL: url, .gitSubdirectory: subdirectory,
                .image: image,
            ]))
        #expect(job["metadata"]?["name"]?.string == "build-\(webapp)-1")
        #expect(job["metadata"]?["labels"]?["webapp"]?.string == webapp)
        let pod = job["spec"]?["template"]?["spec"]
        let clone = pod?["initContainers"]?.array?.first
        #expect(clone?.variable("GIT_REPO_URL") == url)
        #expect(clone?.variable("GIT_SUBDIRECTORY") == subdirectory)
        #expect(clone?.variable("GIT_REF") == "HEAD")
        #expect(pod?["containers"]?.array?.first?.variable("IMAGE_TAG") == image)
    }

    @Test("what the seed promises about the Job's life holds")
    func lifecycle() throws {
        let document = try JobTemplate().document
        let spec = document["spec"]
        #expect(spec?["ttlSecondsAfterFinished"] == 600)
        #expect(spec?["backoffLimit"] == 0)
        #expect(spec?["activeDeadlineSeconds"] == 1800)
        let pod = spec?["template"]?["spec"]
        #expect(pod?["restartPolicy"] == "Never")
        #expect(pod?["automountServiceAccountToken"] == false)
        #expect(pod?["serviceAccountName"] == "buildkit-sa")
        #expect(document["metadata"]?["labels"]?["app.kubernetes.io/name"] == "buildkit")
        #expect(document["metadata"]?["labels"]?["app.kubernetes.io/component"] == "builder")
        for list in ["initContainers", "containers"] {
            for container in pod?[list]?.array ?? [] {
                let image = container["image"]?.string ?? ""
                #expect(image.contains(":v") && !image.hasSuffix(":latest"), "\(image) is pinned")
                #expect(container["terminationMessagePolicy"] == "FallbackToLogsOnError")
            }
        }
    }

    @Test("the scripts are shell, and no value is spliced into them")
    func scripts() async throws {
        let pod = try JobTemplate().document["spec"]?["template"]?["spec"]
        for list in ["initContainers", "containers"] {
            let script = pod?[list]?.array?.first?["command"]?.array?[2].string ?? ""
            let process = try await ShellSyntax.check(script)
            #expect(process.isEmpty, "\(process)")
            #expect(script.hasPrefix("set -eu\n"))
        }
    }

    // MARK: Operators' own

    struct Refused: Sendable, CustomTestStringConvertible {
        var change: (String, String)
        var line: Int
        var says: String
        var testDescription: String { "\(change.0) -> \(change.1)" }
        init(_ old: String, _ new: String, line marker: String?, _ says: String) {
            change = (old, new)
            // The line on which the marker stands in the changed text.
            let changed = KubernetesTemplateTests.text.replacing(old, with: new, maxReplacements: 1)
            let lines = changed.split(separator: "\n", omittingEmptySubsequences: false)
            line = (marker.flatMap { marker in lines.firstIndex { $0.contains(marker) } } ?? 0) + 1
            self.says = says
        }
    }

    static let refused: [Refused] = [
        Refused("kind: Job", "kind: CronJob", line: "kind: CronJob", "kind must be Job"),
        Refused("batch/v1", "batch/v1beta1", line: "apiVersion: batch/v1beta1", "apiVersion must be batch/v1"),
        Refused("name: '${JOB_NAME}'", "name: build-1", line: "name: build-1", "metadata.name must be ${JOB_NAME}"),
        Refused(
            "name: '${JOB_NAME}'", "generateName: build-", line: "generateName", "metadata.name must be ${JOB_NAME}"),
        Refused(
            "name: '${JOB_NAME}'", "name: 'b-${JOB_NAME}'", line: "b-$", "${JOB_NAME} is only a part of its value"),
        Refused("name: '${JOB_NAME}'", "name: '${NAME}'", line: "${NAME}", "\"${NAME}\" is none of the placeholders"),
        Refused(
            "webapp: '${WEBAPP_NAME}'", "webapp: x", line: "webapp: x", "metadata.labels.webapp must be ${WEBAPP_NAME}"),
        Refused("component: builder", "component: build", line: "component: build", "must be builder"),
        Refused("name: buildkit\n    app", "name: kaniko\n    app", line: "name: kaniko", "must be buildkit"),
        Refused("backoffLimit: 0", "backoffLimit: 1", line: "backoffLimit: 1", "spec.backoffLimit must be 0"),
        Refused("  backoffLimit: 0\n", "", line: "activeDeadlineSeconds: 1800", "spec.backoffLimit must be 0"),
        Refused("  activeDeadlineSeconds: 1800\n", "", line: "backoffLimit: 0", "spec.activeDeadlineSeconds must be"),
        Refused("Seconds: 1800", "Seconds: '1800'", line: "Seconds: '1800'", "spec.activeDeadlineSeconds must be"),
        Refused("Finished: 600", "Finished: 59", line: "Finished: 59", "at least 60 seconds"),
        Refused("  ttlSecondsAfterFinished: 600\n", "", line: "backoffLimit: 0", "at least 60 seconds"),
        Refused("backoffLimit: 0", "parallelism: 2\n  backoffLimit: 0", line: "parallelism: 2", "must be 1"),
        Refused("restartPolicy: Never", "restartPolicy: OnFailure", line: "OnFailure", "restartPolicy must be Never"),
        Refused("- name: git-clone", "- name: clone", line: "- name: clone", "must have a container named git-clone"),
        Refused("- name: buildkit", "- name: kaniko", line: "- name: kaniko", "must have a container named buildkit"),
        Refused(
            "{name: GIT_REF, value: HEAD}", "{name: GIT_BRANCH, value: HEAD}", line: "- name: git-clone",
            "must have the variable GIT_REF"),
        Refused(
            "{name: GIT_REF, value: HEAD}", "{name: GIT_REF, value: ''}", line: "{name: GIT_REF", "needs a default"),
        Refused(
            "value: '${IMAGE_TAG}'", "value: 'x'", line: "{name: IMAGE_TAG", "must be ${IMAGE_TAG}"),
        Refused(
            "value: '${GIT_SUBDIRECTORY}'", "value: '.'", line: "{name: GIT_SUBDIRECTORY", "must be ${GIT_SUBDIRECTORY}"
        ),
        Refused(
            "\"$GIT_REF\" &", "\"${GIT_REF}\" &", line: "- |", "in a script write $NAME for a variable"),
        Refused(
            "name=$(IMAGE_TAG),push", "name=${IMAGE_TAG},push", line: "name=${IMAGE_TAG}",
            "${IMAGE_TAG} is only a part of its value"),
        Refused(
            "webapp: '${WEBAPP_NAME}'", "webapp: '${WEBAPP_NAME}'\n    '${IMAGE_TAG}': x", line: "'${IMAGE_TAG}': x",
            "cannot be a key"),
        Refused(
            "            - build\n            - --frontend", "            - 1\n            - --frontend", line: "- 1",
            "list of strings"),
        Refused("kind: Job", "kind: [Job", line: nil, "no valid YAML"),
        Refused("kind: Job", "kind: Job\nkind: Job", line: nil, "twice"),
    ]

    @Test("what the service relies on is checked, with file, line and reason", arguments: refused)
    func refusal(_ refused: Refused) throws {
        let text = Self.text.replacing(refused.change.0, with: refused.change.1, maxReplacements: 1)
        try #require(text != Self.text)
        let error = try #require(throws: InvalidInput.self) { try JobTemplate(text: text, origin: "own.yaml") }
        #expect(error.field == "JOB_TEMPLATE")
        #expect(error.reason.hasPrefix("own.yaml, line "), "\(error)")
        #expect(error.reason.contains(refused.says), "\(error)")
        if refused.line > 1 { #expect(error.reason.hasPrefix("own.yaml, line \(refused.line): "), "\(error)") }
    }

    @Test(
        "what is no template at all is refused",
        arguments: ["", "# nothing", "just text", "- a\n- b", "{}", "a: 1\n---\nb: 2", "null", "\u{0}"])
    func nonsense(_ text: String) {
        #expect(throws: InvalidInput.self) { try JobTemplate(text: text) }
    }

    @Test("a file that cannot be read, is too long or no text is refused by its name")
    func unreadableFile() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "template-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "own.yaml")
        for content in [nil, Data(repeating: 0x23, count: JobTemplate.longestFile + 1), Data([0xFF, 0xFE])] {
            try content?.write(to: file)
            let error = try #require(throws: InvalidInput.self) { try JobTemplate(file: FilePath(file.path)) }
            #expect(error.reason.contains(file.path))
        }
    }

    @Test("an operator may change what the service does not rely on")
    func ownTemplate() throws {
        let text = Self.text
            .replacing("docker.io/moby/buildkit:v0.32.2", with: "mirror.example/buildkit:v0.33.0-rootless")
            .replacing("privileged: true", with: "privileged: false")
            .replacing("Finished: 600", with: "Finished: 3600")
            .replacing("      volumes:", with: "        - {name: extra, image: x}\n      volumes:")
        #expect(throws: Never.self) { try JobTemplate(text: text) }
    }
}

extension JSONValue {
    /// The value of an environment variable of a container.
    func variable(_ name: String) -> String? {
        self["env"]?.array?.first { $0["name"]?.string == name }?["value"]?.string
    }
}
