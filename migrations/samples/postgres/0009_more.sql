-- What a small database of this version holds otherwise than the sample before: the outage of the fourth of January is a mixed run.

UPDATE packed_checks SET runs = '[[0,3600000000,"AAAAAAAAAAAABbAAAAA",[[1,0,200],[3,0,503,0,6,"the answer was 503, expected 200-399"]],10000000,1,"#"],[72000000000,3600000000,4,1,0,200]]'
 WHERE monitor_id = '019b8600-0000-7000-8000-0000000000c1' AND began_at = '2026-01-04 00:00:00+00';
