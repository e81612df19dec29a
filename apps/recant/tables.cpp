// SPDX-License-Identifier: Apache-2.0
#include "tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "recant/core/printable.hpp"

namespace recant::app {
namespace {

std::string number(std::optional<double> value) {
  return value ? fmt::format("{:.4f}", *value) : "-";
}
std::string signed_number(std::optional<double> value) {
  if (value && std::isnan(*value)) return "-";  // no row on one side of the gap
  return value ? fmt::format("{:+.4f}", *value) : "-";
}

std::string gap_title(const GapEvaluation& gap) {
  return gap.column.empty() ? "groups" : printable(gap.column);
}

/// Signs of terminals for bytes, not for letters: UTF-8 names stay aligned.
std::size_t letters(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & '\xC0') != '\x80'; }));
}

const char* loss_title(const LinearModel& model) {
  return model.loss.kind() == LossKind::kSquared ? "half squared error (mean)" : "log-loss (mean)";
}

using Cells = std::vector<std::string>;

/// One line of before | after | change for each of the splits.
Cells change_line(const std::string& title, const std::vector<const SplitChange*>& splits,
                  const std::function<std::optional<double>(const Evaluation&)>& get,
                  bool is_signed) {
  Cells line = {title};
  for (const SplitChange* split : splits) {
    const auto before = get(split->before), after = get(split->after);
    line.push_back(is_signed ? signed_number(before) : number(before));
    line.push_back(is_signed ? signed_number(after) : number(after));
    line.push_back(before && after ? signed_number(*after - *before) : "-");
  }
  return line;
}

std::optional<double> gap_of(const Evaluation& evaluation, std::size_t column,
                             std::optional<double> GapEvaluation::*member) {
  return column < evaluation.gaps.size() ? evaluation.gaps[column].*member : std::nullopt;
}

std::vector<Cells> change_lines(const std::vector<const SplitChange*>& splits,
                                const LinearModel& model) {
  std::vector<Cells> lines;
  lines.push_back(change_line(
      loss_title(model), splits, [](const Evaluation& e) { return std::optional(e.log_loss_mean); },
      false));
  lines.push_back(change_line(
      "accuracy", splits, [](const Evaluation& e) { return e.accuracy; }, false));
  const auto per_row = [](const Evaluation& e) -> std::optional<double> {
    if (!e.robust_loss) return std::nullopt;
    return *e.robust_loss / static_cast<double>(e.rows);
  };
  lines.push_back(change_line("robust loss (mean)", splits, per_row, false));
  const auto& gaps = splits.front()->before.gaps;
  for (std::size_t c = 0; c < gaps.size(); ++c) {
    // Among several groups the largest gap may be another group's afterwards: compare sizes.
    const bool several = gaps[c].groups.size() > 2;
    const std::string of =
        (gaps.size() == 1 ? "" : ", " + gap_title(gaps[c])) + (several ? " (largest)" : "");
    using G = GapEvaluation;
    const std::pair<const char*, std::optional<double> G::*> members[] = {
        {"demographic parity gap", &G::demographic_parity},
        {"equal opportunity gap", &G::equal_opportunity},
        {"  on hard labels", &G::demographic_parity_hard}};
    for (const auto& [title, member] : members) {
      const auto m = member;
      lines.push_back(change_line(
          title + of, splits,
          [c, m, several](const Evaluation& e) {
            const auto gap = gap_of(e, c, m);
            return several && gap ? std::optional(std::abs(*gap)) : gap;
          },
          !several));
    }
    std::swap(lines[lines.size() - 1], lines[lines.size() - 2]);  // hard labels under their own gap
  }
  std::erase_if(lines, [](const Cells& line) {
    return std::all_of(line.begin() + 1, line.end(),
                       [](const std::string& cell) { return cell == "-"; });
  });
  return lines;
}

/// Share predicted positive in each group, before and after.
std::vector<Cells> group_lines(const std::vector<const SplitChange*>& splits) {
  std::vector<Cells> lines;
  const auto& gaps = splits.front()->before.gaps;
  for (std::size_t c = 0; c < gaps.size(); ++c) {
    for (std::size_t g = 0; g < gaps[c].groups.size(); ++g) {
      Cells line = {fmt::format("mean score, {} {}", gap_title(gaps[c]), gaps[c].groups[g].name)};
      for (const SplitChange* split : splits) {
        const auto& before = split->before.gaps[c].groups;
        const auto& after = split->after.gaps[c].groups;
        const auto b = g < before.size() ? before[g].mean_score : std::nullopt;
        const auto a = g < after.size() ? after[g].mean_score : std::nullopt;
        line.push_back(number(b));
        line.push_back(number(a));
        line.push_back(a && b ? signed_number(*a - *b) : "-");
      }
      lines.push_back(std::move(line));
    }
  }
  return lines;
}

/// A goal by its name, with what tells it from the others of the same name.
std::string goal_title(const Metric& goal, const CorrectionReport& report) {
  std::string title = goal.name;
  const auto& gaps = report.splits.front().before.gaps;
  const auto column = static_cast<std::size_t>(goal.column);
  if (goal.is_gap() && column < gaps.size() && gaps[column].groups.size() > 2 &&
      title.find('=') == std::string::npos) {
    title += ", " + gaps[column].groups[static_cast<std::size_t>(goal.group)].name;
  }
  if (goal.kind == MetricKind::kEqualOpportunityNegative) title += ", negative targets";
  return printable(title);
}

/// What the linearisations predicted of each goal, next to what happened, on every split.
std::string goal_lines(const CorrectionReport& report) {
  std::vector<Cells> lines = {{"change of the goal"}};
  for (const SplitChange& split : report.splits) {
    lines.front().insert(lines.front().end(), {"predicted, " + split.split, "actual"});
  }
  for (std::size_t g = 0; g < report.goals.size(); ++g) {
    Cells line = {goal_title(report.goals[g], report)};
    for (const std::vector<MetricChange>& changes : report.goal_changes) {
      line.push_back(signed_number(changes[g].predicted));
      line.push_back(signed_number(changes[g].actual));
    }
    lines.push_back(std::move(line));
  }
  return table(lines);
}

std::string promises_line(const CorrectionRound& round, const CorrectionReport& report) {
  std::string text = "  active: ";
  switch (round.active) {
    case ActivePromises::kNone:
      text += "none; the size of the change held it back";
      break;
    case ActivePromises::kGap:
      text += "gap, closed as far as asked and not reversed";
      break;
    case ActivePromises::kUtility:
      text += "utility, held to first order";
      break;
    case ActivePromises::kBoth:
      text += "gap and utility";
      break;
  }
  for (std::size_t g = 0; g < round.gap_multipliers.size(); ++g) {
    if (round.gap_multipliers[g] == 0) continue;
    const std::string of =
        report.goals.size() == 1 ? "" : " of " + goal_title(report.goals[g], report);
    text += fmt::format("; gap multiplier{} {:.4g}", of, round.gap_multipliers[g]);
  }
  if (round.kappa_raised) text += fmt::format("; kappa was raised to {:.3g}", round.kappa);
  if (!round.accurate) text += "; the weights are only approximately the best";
  if (round.utility_multiplier != 0) {
    text += fmt::format("; utility multiplier {:.4g} (gap given up per unit of loss kept)",
                        round.utility_multiplier);
  }
  return text + "\n";
}

/// What the comparison cost, and the training rows: without intervals.
std::vector<Cells> train_lines(const CompareReport& report) {
  std::vector<Cells> lines = {{"train", "update", "gap", "predicted", "log-loss", "accuracy",
                               "robust loss", "rows removed", "seconds"}};
  for (const CompareRow& row : report.rows) {
    Cells line = {row.scheme, row.update};
    if (row.train) {
      line.insert(line.end(), {signed_number(row.train->gap),
                               signed_number(row.train->gap_predicted), number(row.train->utility),
                               number(row.train->accuracy), number(row.train->robust_loss)});
    } else {
      line.insert(line.end(), 5, "-");
    }
    line.insert(line.end(), {std::to_string(row.removed_rows), fmt::format("{:.3f}", row.seconds)});
    lines.push_back(std::move(line));
  }
  return lines;
}

constexpr const char* kTooFewRows = "too few rows";

/// A split with intervals; a goal of demographic parity with equal opportunity beside it.
std::vector<Cells> measured_lines(const CompareReport& report, CompareCell CompareRow::*split) {
  const auto interval = [](const std::optional<Interval>& i, bool too_few) -> std::string {
    if (i) return fmt::format("{:+.3f} .. {:+.3f}", i->low, i->high);
    return too_few ? kTooFewRows : "-";
  };
  const bool opportunity = (report.rows.front().*split).equal_opportunity.has_value();
  Cells head = {split == &CompareRow::test ? "test" : "validation",
                "update",
                "gap",
                "predicted",
                "95% interval",
                "hard labels",
                "95% interval"};
  if (opportunity) head.insert(head.end(), {"equal opp.", "95% interval"});
  head.insert(head.end(), {"log-loss", "accuracy", "robust loss"});
  std::vector<Cells> lines = {head};
  for (const CompareRow& row : report.rows) {
    const CompareCell& cell = row.*split;
    Cells line = {row.scheme,
                  row.update,
                  signed_number(cell.gap),
                  signed_number(cell.gap_predicted),
                  interval(cell.gap_interval, cell.gap_too_few_rows),
                  signed_number(cell.gap_hard),
                  interval(cell.gap_hard_interval, cell.gap_too_few_rows && cell.gap_hard)};
    if (opportunity) {
      line.push_back(signed_number(cell.equal_opportunity->value));
      line.push_back(
          interval(cell.equal_opportunity->interval, cell.equal_opportunity->too_few_rows));
    }
    line.insert(line.end(),
                {number(cell.utility), number(cell.accuracy), number(cell.robust_loss)});
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace

std::string table(const std::vector<Cells>& given, int indent) {
  std::vector<std::size_t> widths;
  std::vector<Cells> rows = given;
  for (Cells& row : rows) {
    if (widths.size() < row.size()) widths.resize(row.size());
    for (std::string& cell : row) cell = printable(cell);
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], letters(row[c]));
  }
  std::string text;
  for (const Cells& row : rows) {
    std::string line(static_cast<std::size_t>(indent), ' ');
    for (std::size_t c = 0; c < row.size(); ++c) {
      const std::string space(widths[c] - letters(row[c]), ' ');
      line += c == 0 ? row[c] + space : "  " + space + row[c];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string describe_evaluation(const Evaluation& e, const LinearModel& model) {
  std::vector<Cells> lines = {{loss_title(model), number(e.log_loss_mean)}};
  if (e.accuracy) lines.push_back({"accuracy", number(e.accuracy)});
  if (e.robust_loss)
    lines.push_back({"robust loss (mean)", number(*e.robust_loss / static_cast<double>(e.rows))});
  std::string text = table(lines);
  for (const GapEvaluation& gap : e.gaps) {
    text += fmt::format(
        "  {}: {} minus the rest: demographic parity gap {} ({} on hard labels), equal "
        "opportunity gap {}\n",
        gap_title(gap), printable(gap.privileged), signed_number(gap.demographic_parity),
        signed_number(gap.demographic_parity_hard), signed_number(gap.equal_opportunity));
    std::vector<Cells> groups = {
        {"group", "rows", "positive rate", "predicted positive", "mean score", "accuracy"}};
    for (const GroupEvaluation& g : gap.groups) {
      groups.push_back({g.name, std::to_string(g.rows), number(g.positive_rate),
                        number(g.selection_rate), number(g.mean_score), number(g.accuracy)});
    }
    text += table(groups, 4);
  }
  return text;
}

std::string describe_correction(const CorrectionReport& report, const CorrectionOptions& options,
                                const LinearModel& model) {
  std::vector<const SplitChange*> splits;
  for (const SplitChange& split : report.splits) {
    if (split.split != "train") splits.push_back(&split);
  }
  Cells names = {""}, head = {""};
  for (const SplitChange* split : splits) {
    names.insert(names.end(), {split->split, "", ""});
    head.insert(head.end(), {"before", "after", "change"});
  }
  std::vector<Cells> rows = {names, head};
  for (Cells& line : change_lines(splits, model)) rows.push_back(std::move(line));
  for (Cells& line : group_lines(splits)) rows.push_back(std::move(line));
  std::string text = table(rows) + "\n" + goal_lines(report);

  const CorrectionResult& result = report.result;
  int accepted = 0;
  const CorrectionRound* last = nullptr;
  for (const CorrectionRound& round : result.rounds) {
    if (!round.accepted) continue;
    ++accepted;
    last = &round;
  }
  if (last != nullptr && options.scheme == Scheme::kSoft) text += promises_line(*last, report);
  if (result.reachable_share < 1) {
    text += fmt::format("  the bounds reach {:.1f}% of the gap in one linearisation\n",
                        100 * result.reachable_share);
  }
  const ReweightingSummary& w = report.weights;
  text += fmt::format("  {} of {} rows changed, by {:+.3f} to {:+.3f}; {} rows count no more\n",
                      w.nonzero, report.splits.front().before.rows, w.min, w.max,
                      report.total_weight_zero_rows);
  if (w.negative_total_weight_rows > 0) {
    text += fmt::format(
        "  {} rows have a negative total weight: no weighted training gives this model; "
        "bounds (--bounds -1,1) forbid it\n",
        w.negative_total_weight_rows);
  }
  text += fmt::format("  {} ({} round{}, {} update, {})\n", describe(result.stop), accepted,
                      accepted == 1 ? "" : "s", name(options.update),
                      options.update == UpdateKind::kPolish
                          ? "exact: the optimum of the new weights"
                          : "heuristic: an approximation of weighted training");
  const auto& s = result.seconds;
  text += fmt::format(
      "  seconds: curvature {:.3f}, influence {:.3f}, weights {:.3f}, update {:.3f}, measure "
      "{:.3f}",
      s.curvature, s.influence, s.weights, s.update, s.measure);
  return text;
}

std::string describe_comparison(const CompareReport& report) {
  std::string text = table(train_lines(report)) + "\n";
  for (const auto split : {&CompareRow::validation, &CompareRow::test}) {
    text += table(measured_lines(report, split)) + "\n";
  }
  text += fmt::format(
      "  target: a validation gap of at most {:.4f}; polish finds the weights (soft: {} rounds, "
      "{}; hard: {} rounds, {}), the other updates apply them in one step",
      report.target_gap, report.rows[1].rounds, report.rows[1].stop, report.rows[5].rounds,
      report.rows[5].stop);
  if (text.find(kTooFewRows) != std::string::npos) {
    text +=
        fmt::format("\n  {}: fewer than {} on a side of the gap, which is no base for an interval",
                    kTooFewRows, kFewestResampledRows);
  }
  return text;
}

}  // namespace recant::app
